package search

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"quantal/grid"
	"quantal/internal/setting"
	"quantal/results/store"
	"quantal/results/tables"
)

// Outcome is what a search has found.
type Outcome struct {
	Request
	Networks     int      `json:"networks"`      // that were trained
	GridNetworks int      `json:"grid_networks"` // of a grid over the same range with neighbours as near as the brackets
	Found        []Result `json:"found"`         // of each mechanism
}

// Result is the value of the setting at which networks that differ only in the seed reach the target.
type Result struct {
	Settings store.Settings `json:"-"`        // the one searched over has the value of the request
	Columns  map[string]any `json:"settings"` // the others, under their names in table.csv
	Finding
	Crossings []Crossing `json:"crossings"` // of each seed
}

// Finding is what was found for a mechanism. Without a crossing of every seed there is no value: NaN.
type Finding struct {
	Value float64 `json:"found"` // mean over seeds, the geometric one on a logarithmic scale
	// Low and High are the 95 % interval of that mean, by Student's t over the seeds' own crossings, on the scale; NaN for
	// one seed.
	Low    float64 `json:"found_low"`
	High   float64 `json:"found_high"`
	Seeds  int     `json:"seeds"`
	Remark string  `json:"remark,omitempty"` // why nothing was found, or which networks diverged
}

// Crossing is where the figure of a seed crosses the target. Without one its numbers are NaN.
type Crossing struct {
	Seed uint64 `json:"seed"`
	// Value is found between the ends of the bracket by a straight line on the scale, or is the end that is near enough to
	// the target if the tolerance is on that.
	Value    float64 `json:"found"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	AtLow    float64 `json:"target_at_low"`
	AtHigh   float64 `json:"target_at_high"`
	Networks int     `json:"networks"`
	Remark   string  `json:"remark,omitempty"`
}

// probe is a trained network of a track.
type probe struct {
	x, y     float64
	diverged bool
}

// Decide says what has been found, and which points must be trained before more can be said: none when the search is
// over. It depends on nothing but the request and the records.
func (r Request) Decide(records []store.Record) (o Outcome, next []grid.Point, err error) {
	walks, err := r.walks(records)
	if err != nil {
		return o, nil, err
	}
	o.Request = r
	at := map[store.Settings]int{}
	for _, w := range walks {
		t := w.track
		next = append(next, w.missing...)
		i, ok := at[t.settings]
		if !ok {
			i = len(o.Found)
			at[t.settings] = i
			o.Found = append(o.Found, Result{Settings: t.settings})
		}
		w.crossing.Networks = w.networks
		o.Found[i].Crossings = append(o.Found[i].Crossings, w.crossing)
		o.Networks += w.networks
		o.GridNetworks += w.gridNetworks()
	}
	for i := range o.Found {
		f := &o.Found[i]
		if len(records) > 0 {
			f.Settings.Data = records[0].Data
		}
		f.Columns, f.Finding = tables.SettingCells(f.Settings, "seed", r.column()), r.finding(f.Crossings)
	}
	return o, next, nil
}

// Ahead is what a search has still to train.
type Ahead struct {
	Next   []grid.Point // side by side, now
	Values []float64    // that these have of the setting, ascending
	Later  []grid.Point // such as may follow in each of the rounds after that: one of each mechanism and seed
	Rounds int          // of those, at most
	Most   int          // networks in all, with Next, at most
	Grid   int          // networks of a grid with neighbours as near as the tolerance says; 0 if it does not
}

// Ahead says what a search has still to train, given the records of what has been trained.
func (r Request) Ahead(records []store.Record) (a Ahead, err error) {
	walks, err := r.walks(records)
	for _, w := range walks {
		a.Next, a.Values = append(a.Next, w.missing...), append(a.Values, w.values...)
		if w.halvings > 0 {
			a.Later = append(a.Later, w.missing[0])
		}
		a.Rounds, a.Most = max(a.Rounds, w.halvings), a.Most+len(w.missing)+w.halvings
	}
	slices.Sort(a.Values)
	a.Values = slices.Compact(a.Values)
	if r.Tolerance.On == r.Over && !r.whole() {
		a.Grid = len(walks) * (1 + int(math.Ceil((r.place(r.High)-r.place(r.Low))/r.Tolerance.Within-1e-3)))
	}
	return a, err
}

// walks follows every track.
func (r Request) walks(records []store.Record) (walks []*walk, err error) {
	known := map[string]store.Record{}
	for _, record := range records {
		known[record.ID] = record
	}
	tracks, err := r.tracks()
	for _, t := range tracks {
		w := &walk{Request: r, track: t, known: known, records: records, crossing: Crossing{Seed: uint64(t.config.Seed),
			Value: math.NaN(), Low: math.NaN(), High: math.NaN(), AtLow: math.NaN(), AtHigh: math.NaN()}}
		if err := w.run(); err != nil {
			return nil, err
		}
		walks = append(walks, w)
	}
	return walks, err
}

// finding joins the crossings of the seeds.
func (r Request) finding(crossings []Crossing) Finding {
	f := Finding{Seeds: len(crossings)}
	var places []float64
	var remarks []string
	for _, c := range crossings {
		if c.Value == c.Value {
			places = append(places, r.place(c.Value))
		}
		if c.Remark == "" {
			continue
		}
		if len(crossings) > 1 {
			c.Remark = fmt.Sprintf("seed %d: %s", c.Seed, c.Remark)
		}
		remarks = append(remarks, c.Remark)
	}
	f.Remark = strings.Join(remarks, "; ")
	if len(places) < len(crossings) {
		f.Value, f.Low, f.High = math.NaN(), math.NaN(), math.NaN()
		return f
	}
	i := tables.NewInterval(places)
	f.Value, f.Low, f.High = r.at(i.Mean), r.at(i.Mean-i.HalfWidth), r.at(i.Mean+i.HalfWidth)
	return f
}

// walk follows a track as far as its networks are known.
type walk struct {
	Request
	track
	records  []store.Record // of the folder
	known    map[string]store.Record
	missing  []grid.Point // that it must know next
	values   []float64    // of the setting, of these
	halvings int          // that may follow, each with a network more, at most
	networks int          // that it knows
	uneven   []string     // what contradicts that the figure is monotone
	crossing Crossing
}

// look is the network with a value of the setting; nil if it is missing.
func (w *walk) look(x float64) (*probe, error) {
	p, err := w.point(w.track, x)
	if err != nil {
		return nil, err
	}
	record, ok := w.known[p.ID]
	if !ok {
		w.missing, w.values = append(w.missing, p), append(w.values, x)
		return nil, nil
	}
	w.networks++
	if record.Status != store.Done {
		return &probe{x: x, diverged: true}, nil
	}
	y := tables.Number(record, w.Target)
	if y != y {
		return nil, fmt.Errorf("target %s: the network %s has no such number", w.Target, p.ID)
	}
	return &probe{x: x, y: y}, nil
}

// run brackets the target and halves the bracket.
func (w *walk) run() error {
	var all, finite []probe
	coarse := w.coarse()
	for _, x := range coarse {
		p, err := w.look(x)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		if all = append(all, *p); !p.diverged {
			finite = append(finite, *p)
		}
	}
	if len(w.missing) > 0 {
		for i := range coarse[1:] {
			w.halvings = max(w.halvings, w.halve(coarse[i], coarse[i+1]))
		}
		return nil
	}
	var brackets [][2]probe
	for i := range finite[:max(0, len(finite)-1)] {
		if w.above(finite[i]) != w.above(finite[i+1]) {
			brackets = append(brackets, [2]probe{finite[i], finite[i+1]})
		}
	}
	w.crossing.Remark = w.divergences(all)
	if len(brackets) != 1 {
		w.crossing.Remark = w.without(finite, brackets)
		return nil
	}
	low, high := brackets[0][0], brackets[0][1]
	if slices.ContainsFunc(all, func(p probe) bool { return p.diverged && p.x > low.x && p.x < high.x }) {
		w.crossing.Remark = w.hidden(low, high)
		return nil
	}
	for !w.enough(low, high) {
		x, between := w.middle(low.x, high.x)
		if !between {
			break
		}
		middle, err := w.look(x)
		if err != nil {
			return err
		}
		if middle == nil {
			w.halvings = w.halve(low.x, high.x) - 1
			return nil
		}
		if middle.diverged {
			w.crossing.Remark = w.hidden(low, high)
			return nil
		}
		if middle.y < min(low.y, high.y) || middle.y > max(low.y, high.y) {
			w.uneven = append(w.uneven, fmt.Sprintf("it is %.6g at %.6g, %.6g at %.6g and %.6g at %.6g", low.y, low.x,
				middle.y, middle.x, high.y, high.x))
		}
		if w.above(*middle) == w.above(low) {
			low = *middle
		} else {
			high = *middle
		}
	}
	w.cross(low, high)
	w.doubt(low, high)
	return nil
}

// middle is the value in the middle of the scale between two; without one between them it is neither.
func (w *walk) middle(low, high float64) (x float64, between bool) {
	x = w.value((w.place(low) + w.place(high)) / 2)
	return x, x > low && x < high
}

// halve is how often a bracket can be halved at most, until it is narrow enough.
func (w *walk) halve(low, high float64) (times int) {
	for !w.narrow(low, high) {
		x, between := w.middle(low, high)
		if !between {
			break
		}
		if times++; w.place(x)-w.place(low) > w.place(high)-w.place(x) {
			high = x
		} else {
			low = x
		}
	}
	if w.Tolerance.On == w.Target { // until no value of six digits is left: where these are denser it is one more
		times++
	}
	return times
}

// doubt says, of what was found, what contradicts that the figure is monotone: it was judged only where the search
// began. The other networks of the folder count as well.
func (w *walk) doubt(low, high probe) {
	var elsewhere []string
	for _, record := range w.records {
		if record.Seed != w.crossing.Seed || record.Noise != w.settings.Noise || record.Status != store.Done {
			continue
		}
		x := tables.Number(record, w.column())
		if x != x {
			continue
		}
		points, err := grid.Points(w.config, grid.Axis{Name: w.setting(), Values: []string{setting.Format(x)}})
		if err != nil || points[0].ID != record.ID { // another network
			continue
		}
		p := probe{x: x, y: tables.Number(record, w.Target)}
		if w.Over == "s" {
			rho := float64(w.config.Rho.Value())
			p.x = math.Pow(x*rho, 1/rho)
		}
		if p.x < low.x && w.above(p) != w.above(low) || p.x > high.x && w.above(p) != w.above(high) {
			elsewhere = append(elsewhere, fmt.Sprintf("%.6g at %.6g", p.y, p.x))
		}
	}
	if len(elsewhere) > 0 {
		w.uneven = append(w.uneven, "other networks of the folder have "+strings.Join(elsewhere, ", "))
	}
	if len(w.uneven) == 0 {
		return
	}
	text := fmt.Sprintf("%s is not monotone in %s: %s: it may cross %g elsewhere, too", w.Target, w.Over,
		strings.Join(w.uneven, "; "), w.Request.Value)
	if w.crossing.Remark != "" {
		text = w.crossing.Remark + "; " + text
	}
	w.crossing.Remark = text
}

// above reports whether the figure of a network has reached the target.
func (w *walk) above(p probe) bool { return p.y >= w.Request.Value }

// enough reports whether a bracket is as narrow as the tolerance says.
func (w *walk) enough(low, high probe) bool {
	if w.Tolerance.On == w.Over {
		return w.narrow(low.x, high.x)
	}
	return w.distance(w.nearer(low, high)) <= w.Tolerance.Within
}

// narrow reports whether it is as narrow as the tolerance says, if that is on the setting.
func (w *walk) narrow(low, high float64) bool {
	return w.Tolerance.On == w.Over && w.place(high)-w.place(low) <= w.Tolerance.Within
}

func (w *walk) distance(p probe) float64 { return math.Abs(p.y - w.Request.Value) }

func (w *walk) nearer(a, b probe) probe {
	if w.distance(b) < w.distance(a) {
		return b
	}
	return a
}

// cross notes the crossing within the last bracket.
func (w *walk) cross(low, high probe) {
	c := &w.crossing
	c.Low, c.High, c.AtLow, c.AtHigh = low.x, high.x, low.y, high.y
	switch {
	case w.Tolerance.On == w.Target && !w.enough(low, high):
		c.Remark = fmt.Sprintf("%s goes from %.6g at %s %.6g to %.6g at %s %.6g: it comes no nearer to %g",
			w.Target, low.y, w.Over, low.x, high.y, w.Over, high.x, w.Request.Value)
	case w.Tolerance.On == w.Target || w.whole():
		c.Value = w.nearer(low, high).x
	default:
		share := (w.Request.Value - low.y) / (high.y - low.y)
		c.Value = w.at(w.place(low.x) + share*(w.place(high.x)-w.place(low.x)))
	}
}

// gridNetworks is how many networks a grid over the range has whose neighbours are as near as the ends of the last
// bracket; without one, those that are known.
func (w *walk) gridNetworks() int {
	width := w.place(w.crossing.High) - w.place(w.crossing.Low)
	if !(width > 0) {
		return w.networks
	}
	return 1 + int(math.Ceil((w.place(w.High)-w.place(w.Low))/width-1e-3)) // values have six digits
}

// without says why there is not one place where neighbours are on both sides of the target.
func (w *walk) without(finite []probe, brackets [][2]probe) string {
	if len(finite) == 0 {
		return fmt.Sprintf("the networks diverge at every %s that was tried, from %g to %g", w.Over, w.Low, w.High)
	}
	if len(brackets) == 0 {
		least, most := finite[0].y, finite[0].y
		for _, p := range finite {
			least, most = min(least, p.y), max(most, p.y)
		}
		side := "below"
		if w.above(finite[0]) {
			side = "never below"
		}
		text := fmt.Sprintf("%s is %s %g from %s %g to %g: %.6g to %.6g", w.Target, side, w.Request.Value, w.Over,
			finite[0].x, finite[len(finite)-1].x, least, most)
		if w.crossing.Remark != "" {
			text += ", and " + w.crossing.Remark
		}
		return text
	}
	var places []string
	for _, b := range brackets {
		places = append(places, fmt.Sprintf("%g and %g", b[0].x, b[1].x))
	}
	return fmt.Sprintf("%s is not monotone in %s: it crosses %g between %s", w.Target, w.Over, w.Request.Value,
		strings.Join(places, ", between "))
}

// divergences says where networks diverge; it is empty if none does.
func (w *walk) divergences(all []probe) string {
	var places []string
	for _, p := range all {
		if p.diverged {
			places = append(places, fmt.Sprintf("%g", p.x))
		}
	}
	if len(places) == 0 {
		return ""
	}
	return fmt.Sprintf("the network diverges at %s %s", w.Over, strings.Join(places, ", "))
}

// hidden says that a network diverges where the target is crossed.
func (w *walk) hidden(low, high probe) string {
	return fmt.Sprintf("networks diverge between %s %g, where %s is %.6g, and %g, where it is %.6g: there is no telling "+
		"where it crosses %g", w.Over, low.x, w.Target, low.y, high.x, high.y, w.Request.Value)
}
