package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/internal/nearest"
	"quantal/internal/setting"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// axisFlags are the settings of which a grid takes several values, with the name of the setting, in the order in which
// they vary: the seed fastest.
var axisFlags = []struct{ flag, setting, usage string }{
	{"noise", "noise", "which synapses share a sigma: a list of " + strings.Join(train.Noises(), ", ")},
	{"rho", "rho",
		"exponents of the reliability cost: a list of numbers, fractions, calcium, membrane, actin, trafficking, entropic"},
	{"c", "c", "multipliers of the reliability cost: a list, logspace:FROM:TO:N (powers of ten) or linspace:FROM:TO:N"},
	{"s", "s", "instead of c: s in c = s^rho / rho, which puts exponents on one scale; values as for c"},
	{"seeds", "seed", "seeds: a list, or ranges such as 1-5"},
}

// fig2 is the authors' grid: EES Fig. 2 and 3.
var fig2 = map[string]string{
	"noise": "heterogeneous,homogeneous", "rho": "calcium,membrane,actin,trafficking", "c": "logspace:-4:3.25:30",
}

// gridFlags are the flags that say which networks to train, and how.
func gridFlags() []cli.Flag {
	var flags []cli.Flag
	for _, a := range axisFlags {
		f := &cli.GenericFlag{Name: a.flag, Usage: a.usage, DefaultText: "the preset's", Value: new(axisText)}
		if a.flag == "seeds" {
			f.Aliases = []string{"seed"}
		}
		flags = append(flags, f)
	}
	flags = append(flags, trainingFlags("noise", "rho", "c", "seed", "device", "checkpoint-every")...)
	flags = append(flags,
		&cli.StringFlag{Name: "device", DefaultText: "auto", Usage: devicesUsage},
		&cli.StringSliceFlag{Name: "vary",
			Usage: "another setting to vary, `NAME=VALUES`, as in lambda=0.001,0.01 or hidden=100x100,50x50; may be given " +
				"several times"},
		&cli.StringFlag{Name: "preset", Value: "published",
			Usage: "where the rest comes from: " + strings.Join(presets(), ", ") + ", or fig2 (the authors' grid of 240)"},
		&cli.StringFlag{Name: "config",
			Usage: "read settings and axes from a TOML `FILE` with the flags' names as keys; flags override it"},
		&cli.StringFlag{Name: "out", Usage: "grid `FOLDER`", DefaultText: "grids/ and the data set's name"},
		checkpointIntervalFlag(),
		httpFlag(), tokenFlag(),
	)
	return flags
}

// axisText is the text of an axis's flag, which may be given once: of two lists one would be lost.
type axisText struct {
	text  string
	given bool
}

// Set takes the text. The same again is its alias.
func (a *axisText) Set(text string) error {
	if a.given && text != a.text {
		return errors.New("given twice")
	}
	a.text, a.given = text, true
	return nil
}

func (a *axisText) String() string { return a.text }

func checkpointIntervalFlag() cli.Flag {
	return &cli.DurationFlag{Name: "checkpoint-interval", Value: 5 * time.Minute,
		Usage: "time between checkpoints of unfinished networks"}
}

func gridCommand() *cli.Command {
	return &cli.Command{
		Name:  "grid",
		Usage: "train many networks over c, rho, noise and seed, and continue where it stopped",
		UsageText: "quantal grid --preset quick --c logspace:-3:1:5 --seeds 1-2 --out grids/a\n" +
			"quantal grid --preset fig2 --out grids/fig2 --dry-run\n" +
			"quantal grid --out grids/a      (continues what is there)",
		Description: "The same command again trains what is missing; more values add networks to the folder.\n" +
			"Points with the same seed share initial means, minibatches and noise, so they differ\n" +
			"only by their settings.",
		Flags: slices.Concat(gridFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be trained and how long it would take, and stop"},
			jsonFlag(),
		}, launchFlags()),
		Subcommands: []*cli.Command{gridExportCommand(), workCommand()},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("grid: want flags only, got %q", c.Args().First())
			}
			if err := checkLaunch(c); err != nil {
				return err
			}
			o, err := gridOptions(c)
			if err != nil {
				return err
			}
			asked, err := askedGrid(c)
			if err != nil {
				return err
			}
			if asked != nil {
				o.device, o.Threads = asked.base.Device, asked.base.Threads // the configuration file may also name them
				if err := train.CheckDevices(o.device); err != nil {
					return usage("--%w", err)
				}
			}
			if o.screen, err = openDisplay(c); err != nil {
				return err
			}
			defer o.screen.close()
			if asked == nil {
				return continueGrid(c, o)
			}
			return startGrid(c, asked, o)
		},
	}
}

// gridRequest is the grid that flags and configuration file describe.
type gridRequest struct {
	base train.Config
	axes []grid.Axis
}

// askedGrid reads what to train; nil if the command does not say it, but names an existing grid.
func askedGrid(c *cli.Context) (*gridRequest, error) {
	silent := !c.IsSet("preset") && !c.IsSet("config") && !c.IsSet("vary")
	for _, a := range axisFlags {
		silent = silent && !c.IsSet(a.flag)
	}
	for _, s := range new(train.Config).Settings() {
		silent = silent && (!c.IsSet(s.Name) || s.Name == "device" || s.Name == "threads")
	}
	if silent {
		if c.IsSet("out") && grid.Is(c.String("out")) {
			return nil, nil
		}
		return nil,
			usage("grid: want axes such as --c logspace:-2:1:7, or --preset fig2, or --out with the folder of a grid to " +
				"continue")
	}
	return readGrid(c)
}

// readGrid reads what to train.
func readGrid(c *cli.Context) (*gridRequest, error) {
	values := map[string]string{} // of the axes, by setting
	preset := c.String("preset")
	if preset == "fig2" {
		for name, text := range fig2 {
			values[name] = text
		}
		preset = "published"
	}
	base, err := train.Preset(preset)
	if err != nil {
		return nil, usage("--preset %q: %s", preset, nearest.OneOf(preset, append(train.Presets(), "fig2")))
	}
	vary := map[string]string{}
	var order []string // of what varies, slowest first
	if path := c.String("config"); path != "" {
		if order, err = readGridFile(path, &base, values, vary); err != nil {
			return nil, err
		}
	}
	if err := applyFlags(c, base.Settings(), "noise", "rho", "c", "seed"); err != nil {
		return nil, err
	}
	given := map[string]string{} // axes, by setting
	for _, a := range axisFlags {
		if c.IsSet(a.flag) {
			given[a.setting] = c.String(a.flag)
		}
	}
	var numbers train.Numbers                                                  // of --set
	_ = numbers.UnmarshalText([]byte(strings.Join(c.StringSlice("set"), ","))) // applyFlags has read it
	fromFile := maps.Clone(vary)
	for _, text := range c.StringSlice("vary") {
		name, list, ok := strings.Cut(text, "=")
		name = canonical(base, strings.TrimSpace(name))
		if !ok {
			return nil, usage("--vary %q: want NAME=VALUES, as in lambda=0.001,0.01", text)
		}
		_, again := given[name]
		_, number := numbers[name]
		if again || number || c.IsSet(name) {
			return nil, usage("--vary %s: %s is given twice: want all of its values in one list", text, name)
		}
		given[name] = list
		if !isAxisFlag(name) {
			vary[name] = list
			order = append(order, name)
		}
	}
	isGiven := func(name string) bool { _, axis := given[name]; return axis || c.IsSet(name) }
	if err := errors.Join(checkBeside(base.Settings(), isGiven), giveWay(base.Settings(), isGiven)); err != nil {
		return nil, err
	}
	for name := range fromFile { // flags have precedence
		s, _ := base.Settings().Find(name)
		for i, other := range s.Sets {
			if i > 0 && isGiven(other) && !isGiven(s.Sets[0]) && !isGiven(name) {
				return nil, usage("--%s and %s in vary of %s: %s", other, name, c.String("config"), oneOfBoth)
			}
		}
		byAnother := func(s setting.Setting) bool { return isGiven(s.Name) && slices.Contains(s.Sets, name) }
		if c.IsSet(name) || slices.ContainsFunc(base.Settings(), byAnother) || len(s.Sets) > 0 && isGiven(s.Sets[0]) {
			delete(vary, name)
		}
	}
	for name, list := range given {
		if isAxisFlag(name) {
			values[name] = list
		}
	}
	if given["s"] != "" && given["c"] == "" {
		delete(values, "c") // the preset's
	}
	asked, laws := &gridRequest{base: base}, base
	if list, there := vary["cost"]; there { // before numbers that only they read
		axis, err := grid.ParseAxis(base, "cost", list)
		if err != nil {
			return nil, usage("--vary cost=%s: %w", list, err)
		}
		laws = axis.AllCosts(base)
	}
	for i, name := range order {
		if _, there := vary[name]; !there || slices.Contains(order[:i], name) {
			continue
		}
		axis, err := grid.ParseAxis(laws, name, vary[name])
		if err != nil {
			return nil, usage("--vary %s=%s: %w", name, vary[name], err)
		}
		asked.axes = append(asked.axes, axis)
	}
	for _, a := range axisFlags {
		if values[a.setting] == "" {
			continue
		}
		axis, err := grid.ParseAxis(base, a.setting, values[a.setting])
		if err != nil {
			return nil, usage("--%s %q: %w", a.flag, values[a.setting], err)
		}
		asked.axes = append(asked.axes, axis)
	}
	return asked, nil
}

// isAxisFlag reports whether a setting has its own flag for its values.
func isAxisFlag(setting string) bool {
	for _, a := range axisFlags {
		if a.setting == setting {
			return true
		}
	}
	return false
}

// canonical is the name of a setting, in which - and _ are the same, or that of a number as it is.
func canonical(base train.Config, name string) string {
	if s, err := base.Settings().Find(name); err == nil {
		return s.Name
	}
	return name
}

// readGridFile reads a configuration file of a grid: settings as for train, the axes as text or lists, and a table
// [vary]. It returns the names in [vary] in alphabetical order, because TOML has no order.
func readGridFile(path string, base *train.Config, values, vary map[string]string) ([]string, error) {
	var file map[string]any
	if err := store.ReadConfigFile(path, &file); err != nil {
		return nil, &usageError{err}
	}
	var order []string
	places := map[string]string{} // the name of each setting in the file
	once := func(name, place string) error {
		if before, again := places[name]; again {
			return usage("quantal: %s: %s is given twice, as %s and as %s", path, name, before, place)
		}
		places[name] = place
		return nil
	}
	given := map[string]string{}
	keys := slices.Sorted(maps.Keys(file))
	slices.SortStableFunc(keys, func(a, b string) int { // first those that set others
		x, _ := base.Settings().Find(a)
		y, _ := base.Settings().Find(b)
		return len(y.Sets) - len(x.Sets)
	})
	for _, key := range keys {
		value := file[key]
		if key == "vary" {
			table, ok := value.(map[string]any)
			if !ok {
				return nil, usage("quantal: %s: vary: want a table, [vary], with settings as keys", path)
			}
			for _, key := range slices.Sorted(maps.Keys(table)) {
				s, _ := base.Settings().Find(key) // or a number of a cost
				name, text := cmp.Or(s.Name, key), s.FileAxis(table[key])
				if err := once(name, "vary."+key); err != nil {
					return nil, err
				}
				if isAxisFlag(name) {
					values[name] = text
					continue
				}
				vary[name] = text
				order = append(order, name)
			}
			continue
		}
		name := key
		for _, a := range axisFlags {
			if key == a.flag {
				name = a.setting
			}
		}
		s, err := base.Settings().Find(name)
		name = cmp.Or(s.Name, name)
		if err := once(name, key); err != nil {
			return nil, err
		}
		if isAxisFlag(name) {
			values[name] = s.FileAxis(value)
			continue
		}
		if err == nil {
			given[name] = s.FileText(value)
			err = s.Set(given[name])
		}
		if err != nil {
			return nil, usage("quantal: %s: %s: %w", path, key, err)
		}
	}
	if err := base.Settings().Beside(given); err != nil {
		return nil, usage("quantal: %s: %w", path, err)
	}
	for _, s := range base.Settings() {
		for _, other := range s.Sets {
			_, values := vary[s.Name]
			_, others := vary[other]
			if values && places[other] != "" || others && given[s.Name] != "" && given[s.Name] != s.Before {
				return nil, usage("quantal: %s: %s and %s: %s", path, places[s.Name], places[other], oneOfBoth)
			}
		}
	}
	return order, nil
}

// openGrid opens the data of a new grid and names its folder, by default after them with an ending. The settings that
// depend on data and folder are settled.
func openGrid(c *cli.Context, base *train.Config, ending string) (set *mnist.Set, dir string, err error) {
	if set, err = host(c).OpenData(c.Context, *base); err != nil {
		return nil, "", err
	}
	if base.Data, err = mnist.FullName(base.Data); err != nil {
		return nil, "", err
	}
	if dir = c.String("out"); dir == "" {
		dir = filepath.Join("grids", set.Name+ending)
	}
	return set, dir, grid.Settle(dir, base, set)
}

// startGrid plans the requested points and trains the missing ones.
func startGrid(c *cli.Context, asked *gridRequest, o workOptions) error {
	set, dir, err := openGrid(c, &asked.base, "")
	if err != nil {
		return err
	}
	points, err := grid.Points(asked.base, asked.axes...)
	if err != nil {
		return usage("grid: %w", err)
	}
	if c.Bool("dry-run") {
		return dryRun(c, set, points, o)
	}
	folder, err := grid.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := enterGrid(c, folder, set, &o); err != nil {
		return err
	}
	before := folder.Points()
	added, err := folder.Extend(commandLine(), points)
	if err != nil {
		return err
	}
	logger(c).Info("grid", "folder", dir, "networks", len(points), "new", added)
	if rule := asked.base.NormaliseRule(); rule != "" {
		logger(c).Info("pixels", "normalise", rule)
	}
	for _, a := range asked.axes {
		reads := func(p grid.Point) bool { return p.Config.Reads(a.Name) || a.Name == "s" && p.Config.Reads("c") }
		if slices.Contains([]string{"rho", "c", "s", "lambda"}, a.Name) && len(a.Values) > 1 &&
			!slices.ContainsFunc(points, reads) {
			logger(c).Warn("no cost reads "+a.Name+": its values make no difference, and networks are there once", "values",
				strings.Join(a.Values, ","))
		}
	}
	warnMixture(c, before, folder.Points()[len(before):], asked.axes)
	return trainGrid(c, folder, set, points, o)
}

// warnMixture says how added networks differ from those before them. It is a warning if it may be a slip: unless all of
// it was requested as an axis.
func warnMixture(c *cli.Context, before, added []grid.Point, axes []grid.Axis) {
	mixture := grid.Mixture(before, added)
	if len(mixture) == 0 {
		return
	}
	const shown = 8 // values of a setting
	level := slog.LevelInfo
	var parts []string
	for _, m := range mixture {
		var values []string
		for _, v := range m.Values[:min(shown, len(m.Values))] {
			values = append(values, fmt.Sprintf("%s (%s)", v.Text, count(v.Networks, "network")))
		}
		if more := len(m.Values) - shown; more > 0 {
			values = append(values, fmt.Sprintf("and %s more", count(more, "value")))
		}
		parts = append(parts, m.Setting+" "+strings.Join(values, ", "))
		if !slices.ContainsFunc(axes, func(a grid.Axis) bool { return a.Name == m.Setting }) {
			level = slog.LevelWarn
		}
	}
	logger(c).Log(c.Context, level, "the folder now mixes networks with "+strings.Join(parts, "; "))
}

// continueGrid trains all missing points in the folder of a grid.
func continueGrid(c *cli.Context, o workOptions) error {
	folder, err := grid.Open(c.String("out"))
	if err != nil {
		return err
	}
	defer folder.Close()
	points := folder.Points()
	set, err := host(c).OpenData(c.Context, points[0].Config)
	if err != nil {
		return err
	}
	if c.Bool("dry-run") {
		missing, _, err := folder.Missing(points)
		if err != nil {
			return err
		}
		return dryRun(c, set, missing, o)
	}
	if err := enterGrid(c, folder, set, &o); err != nil {
		return err
	}
	logger(c).Info("grid", "folder", folder.Dir, "networks", len(points))
	return trainGrid(c, folder, set, points, o)
}

// commandLine is the command as it was typed, for the record.
func commandLine() string {
	words := []string{"quantal"}
	for _, arg := range os.Args[1:] {
		if arg == "" || strings.ContainsAny(arg, " \t\n\"'\\$*?;&|<>()[]{}#~") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// enterGrid checks that the grid's data set is this one, chooses the devices, and says if other kernels ran before. If
// others train, only the data matter: this machine need not have their devices.
func enterGrid(c *cli.Context, folder *grid.Folder, set *mnist.Set, o *workOptions) error {
	if folder.NoLocks != nil {
		logger(c).Warn("nothing keeps a second command from training the same networks, which wastes time but does no harm",
			"reason", folder.NoLocks)
	}
	if c.IsSet("launch") {
		return folder.CheckData(set)
	}
	if err := o.choose(c, folder.Points()); err != nil {
		return err
	}
	var names []string
	for _, device := range o.Devices {
		names = append(names, device.Name)
	}
	now := train.Environment(set, strings.Join(names, ","), o.Devices[0].Kernels)
	before, err := folder.Enter(now)
	if err != nil {
		return err
	}
	if before != now.Kernels {
		logger(c).Warn("other kernels than before: the last bits may differ from those of an undisturbed grid", "before",
			before, "now", now.Kernels)
	}
	return nil
}

// workOptions are the options of this process. The devices are chosen later, by the given name.
type workOptions struct {
	grid.Options
	device string
	screen *display
}

// choose finds the devices for networks and names them. auto is the CPU if GPUs lack kernels for some.
func (o *workOptions) choose(c *cli.Context, points []grid.Point) error {
	if o.device == "auto" && slices.ContainsFunc(points, func(p grid.Point) bool { return p.Config.NeedsCPU() != "" }) {
		o.device = "cpu"
	}
	devices, unusable, err := train.ChooseDevices(o.device)
	if err != nil {
		return err
	}
	log := logger(c)
	if devices[0].Name != "cpu" { // of the CPU it is the reason
		for _, err := range unusable {
			log.Warn("a GPU cannot be used", "reason", err)
		}
	}
	for _, device := range devices {
		log.Info("device", "device", device.Name, "why", device.Reason, "kernels", device.Kernels)
	}
	o.Devices = devices
	return nil
}

// gridOptions reads the options of this process from the flags.
func gridOptions(c *cli.Context) (workOptions, error) {
	var o workOptions
	o.Interval = c.Duration("checkpoint-interval")
	if o.Interval <= 0 {
		return o, usage("--checkpoint-interval %v: want more than 0", o.Interval)
	}
	config, err := train.Preset("published")
	if err != nil {
		return o, err
	}
	if c.IsSet("threads") {
		if err := config.Set("threads", c.String("threads")); err != nil {
			return o, usage("--threads %q: %w", c.String("threads"), err)
		}
	}
	if err := config.Check(); err != nil {
		return o, &usageError{err}
	}
	o.device, o.Threads = "auto", config.Threads
	if c.IsSet("device") {
		o.device = c.String("device")
	}
	if err := train.CheckDevices(o.device); err != nil {
		return o, usage("--%w", err)
	}
	return o, nil
}

// trainGrid trains the missing points, here or on a cluster.
func trainGrid(c *cli.Context, folder *grid.Folder, set *mnist.Set, points []grid.Point, o workOptions) error {
	if c.IsSet("launch") {
		return launchGrid(c, folder, points, o)
	}
	o.screen.show(folder.Dir)
	if err := runGrid(c, folder, set, points, o.Options); err != nil {
		return err
	}
	return concludeGrid(c, folder)
}

// concludeGrid writes the tables and reports the state of the grid.
func concludeGrid(c *cli.Context, folder *grid.Folder) error {
	records, _, err := folder.Records()
	if err != nil {
		return err
	}
	if err := tables.WriteTables(folder.Dir, records); err != nil {
		return err
	}
	warnUnsettled(c, tables.UnsettledPoints(records))
	return reportStatus(c, folder)
}

// runGrid trains the missing points in this process.
func runGrid(c *cli.Context, folder *grid.Folder, set *mnist.Set, points []grid.Point, o grid.Options) error {
	watch := newGridWatcher(c, folder.Points())
	err := folder.Run(c.Context, set, points, o, watch.events(c))
	watch.close()
	if errors.Is(err, train.ErrInterrupted) {
		return fmt.Errorf("%w; to continue: quantal grid --out %s", err, folder.Dir)
	}
	return err
}

func dryRun(c *cli.Context, set *mnist.Set, points []grid.Point, o workOptions) error {
	if err := o.choose(c, points); err != nil {
		return err
	}
	logger(c).Info("measuring how fast this machine trains")
	estimates, err := grid.Estimates(c.Context, set, points, o.Options, time.Second)
	if err != nil {
		return err
	}
	return printEstimates(c, estimates)
}
