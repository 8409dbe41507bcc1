package train

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"quantal/graph"
	"quantal/internal/setting"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/synapse"
)

// numbers are values of an axis of numbers.
const numbers = "0.1,1,10 or logspace:-2:0:9"

// Settings describes every setting, once and in the order of tables: flags, files, axes, columns, identities and
// comparisons are made of this list. A new setting gets a field of Config, an entry here, and in Before the behaviour
// of all runs until then, which need not be that of new runs.
func (c *Config) Settings() setting.List {
	cost, lambda := perLayer(&c.C, &c.Layers.C), perLayer(&c.Lambda, &c.Layers.Lambda)
	rate, sigma := perLayer(&c.LearningRate, &c.Layers.LearningRate), perLayer(&c.SigmaInit, &c.Layers.SigmaInit)
	return setting.List{
		{Name: "data", Value: &c.Data, Unset: "MNIST from the cache", Place: true, Continue: true, Named: mnist.Names(),
			Help: "data set: mnist (downloaded if needed), glyphs (built in), a `FOLDER` of IDX files or of train.csv and " +
				"test.csv, x.npz (arrays x, y, x_test, y_test) or x.csv"},
		{Name: "network", Value: &c.Network, Write: func() string { return cmp.Or(c.Network, chain) }, Read: c.readNetwork,
			Check: c.checkNetwork, Before: chain, Unset: "a chain of the hidden layers", Named: networkNames(),
			Parts: ", ", Between: ";", Sets: []string{"hidden", "activation"},
			Axis: "lenet5,mlp-100-100 or 'lenet5; conv 4 5x5 relu, dense'", Help: "layers by text, as in 'conv 16 5x5 " +
				"relu, pool 2, dense 100 relu, dense', or a name (" + strings.Join(networkNames(), ", ") + ", mlp-N-N): see " +
				"quantal network --help"},
		{Name: "hidden", Value: &c.Hidden, Write: func() string { return FormatHidden(c.Hidden) }, Axis: "100x100,50x50",
			Want: setting.Between(1, kernels.MaxUnits).With(" units in each hidden layer"),
			Help: "units of each hidden layer, `N,N,...`, or none"},
		{Name: "noise", Value: &c.Noise, OneOf: Noises(), Axis: "heterogeneous,homogeneous", Varied: true,
			Help: "which synapses share a sigma: " + strings.Join(Noises(), ", ")},
		{Name: "rho", Value: &c.Rho, Check: c.checkRho, Axis: "calcium,2/3,2", Varied: true, Own: true,
			Named: names(),
			Help: "exponent of the reliability cost: a number, a fraction, calcium (1/2), membrane (2/3), actin (4/3), " +
				"trafficking (2) or entropic; one for each layer is AxBxC, first layer first, as for c, lambda, lr and " +
				"sigma-init"},
		{Name: "c", Value: cost, Check: c.layersCheck("c", cost), Want: setting.Above(0), Axis: numbers, Varied: true,
			Own: true, Help: "multiplier of the reliability cost, or one for each layer, as in 0.1x0.1x1"},
		{Name: "lambda", Value: lambda, Check: c.layersCheck("lambda", lambda), Want: setting.From(0), Axis: numbers,
			Own: true, Help: "multiplier of the magnitude cost"},
		{Name: "lr", Value: rate, Check: c.layersCheck("lr", rate), Want: setting.Above(0), Axis: numbers, Own: true,
			Help: "learning rate"},
		{Name: "batch", Value: &c.Batch, Want: setting.From(1), Axis: "20,50",
			Help: "examples per minibatch"},
		{Name: "epochs", Value: &c.Epochs, Want: setting.From(1), Axis: "10,50", Continue: true,
			Help: "passes through the training set"},
		{Name: "mu-init", Value: &c.MuInit, Want: setting.Above(0), Axis: numbers, Own: true,
			Help: "initial means are uniform within plus or minus this"},
		{Name: "sigma-init", Value: sigma, Check: c.layersCheck("sigma-init", sigma), Want: setting.Above(0), Axis: numbers,
			Own:  true,
			Help: "initial standard deviation of every synapse"},
		{Name: "validation", Value: &c.Validation, Want: setting.From(0).With(" examples"), Axis: "0,10000",
			Help: "training examples to hold out"},
		{Name: "normalise", Value: &c.Normalise, Write: c.normaliseText, Check: c.checkNormalise, Before: "mnist",
			Named: []string{"mnist", "auto", "none"},
			Axis:  "mnist,auto,0.5x0.25", Help: "how pixels become inputs: mnist (less 0.1307, over 0.3081), auto (mean and " +
				"SD of the training examples, without those held out), columns (of each column), none (0 to 1), or `MEAN,SD`; " +
				"the default is auto, or columns for inputs that are no images, and mnist for MNIST and glyphs"},
		{Name: "classes", Value: &c.Classes, Check: c.checkClasses, Before: "0", Unset: "those of the labels",
			Help: "number of classes, if the labels do not show it"},
		{Name: "answers", Value: &c.Target, Write: func() string { return cmp.Or(c.Target, byName) }, Read: c.readTarget,
			Before: byName, Unset: byName,
			Help: "`COLUMNS` of a table that are the answers, separated by commas; auto: the one called y, label, " +
				"class or target"},
		{Name: "likelihood", Value: &c.Likelihood, Write: c.likelihoodText, OneOf: Likelihoods(), Before: "categorical",
			Axis:  strings.Join(Likelihoods(), ","),
			Unset: "as the data say", Help: "what the outputs are: categorical (a softmax over classes) or gaussian " +
				"(numbers with noise); by default gaussian if the answers are floats in the data, or have a decimal point"},
		{Name: "noise-variance", Value: &c.NoiseVariance, Want: setting.Above(0), Before: "1", Axis: numbers, Own: true,
			Check: func() error { return c.forRegression("noise-variance", setting.Format(c.NoiseVariance), "1") },
			Help:  "of the gaussian likelihood, in units of the targets, which are normalised"},
		{Name: "normalise-targets", Value: &c.NormaliseTargets,
			Write: func() string { return cmp.Or(c.NormaliseTargets, byItself) },
			OneOf: []string{byItself, asTheyAre}, Axis: "auto,none", Before: byItself,
			Check: func() error {
				return c.forRegression("normalise-targets", cmp.Or(c.NormaliseTargets, byItself), byItself)
			},
			Help: "how numbers are fitted: auto (each column less its mean, over its SD, of the training examples) or none"},
		{Name: "activation", Value: &c.Activation, OneOf: texts(kernels.Activations()), Before: kernels.ReLU.String(),
			Axis: "relu,tanh,gelu", Help: "of the hidden layers: " + strings.Join(texts(kernels.Activations()), ", ") +
				" (leaky-relu: 0.01 y below 0; gelu: y Phi(y), exactly)"},
		{Name: "rule", Value: &c.Rule, OneOf: Rules(), Before: "adam", Axis: strings.Join(Rules(), ","),
			Help: "how parameters follow their gradients: adam, sgd, momentum (0.9; v = 0.9 v + g, mu -= lr v), or rmsprop " +
				"(0.99, without a correction), as in PyTorch"},
		{Name: "lr-schedule", Value: &c.Schedule, OneOf: texts(kernels.Shapes()), Before: kernels.Constant.String(),
			Axis: strings.Join(texts(kernels.Shapes()), ","), Help: "how lr changes over all steps of a run: constant, cosine " +
				"(half a cosine, to 0), or step (a tenth from 1/2 of them on, a hundredth from 3/4 on)"},
		{Name: "weight-decay", Value: &c.WeightDecay, Want: setting.From(0), Before: "0", Axis: "0,0.01,0.1", Own: true,
			Help: "of mu, decoupled from the rule as in AdamW: mu -= lr decay mu; phi has none"},
		{Name: "cost", Value: &c.Costs, Check: c.checkCosts, Before: paperCosts, Axis: "'c*sigma^-2, c*exp(-sigma)'",
			Varied: true, Several: ";", Help: "a term that each synapse pays, `FORMULA`, name = formula or a law of quantal " +
				"cost --list, in place of the paper's; several times for several terms: see quantal cost --help"},
		{Name: "cost-per", Value: &c.CostPer, OneOf: texts(kernels.CostPers()), Before: kernels.CostPerSynapse.String(),
			Check: c.checkCostPer, Axis: strings.Join(texts(kernels.CostPers()), ","), Help: "how often a synapse of a " +
				"convolution pays: once, synapse, or at each position where its filter is applied (biology does not share " +
				"weights: it would have a synapse at each)"},
		{Name: "set", Value: &c.Numbers, Check: c.checkNumbers, Before: "none", Own: true, Varied: true, Several: ",",
			Help: "a number that costs read, `NAME=VALUE`; --vary NAME=VALUES varies it"},
		{Name: "synapse", Value: &c.Synapse, OneOf: synapse.KindNames(), Check: c.checkSynapse, Before: gaussian,
			Axis: strings.Join(synapse.KindNames(), ","), Varied: true, Help: "what a synapse learns: gaussian (mu and " +
				"sigma), " +
				"or quantal (n vesicles released with probability p, of size q: mu = npq, sigma^2 = np(1-p)q^2; costs may read " +
				"n, p and q)"},
		{Name: "n-init", Value: &c.NInit, Want: setting.Above(0), Before: "10", Axis: numbers, Own: true,
			Check: func() error { return c.checkStart("n-init", c.NInit, 10) }, Help: "initial n of quantal synapses; q makes " +
				"the initial mean"},
		{Name: "p-init", Value: &c.PInit, Want: setting.Between(0.001, 0.999), Before: "0.9", Axis: "0.5,0.9", Own: true,
			Check: func() error { return c.checkStart("p-init", c.PInit, 0.9) }, Help: "initial p of quantal synapses"},
		{Name: "draw", Value: &c.Draw, OneOf: texts(kernels.Draws()), Before: kernels.PerMinibatch.String(),
			Axis: strings.Join(texts(kernels.Draws()), ","), Help: "which examples share a draw of the weights: those of a " +
				"minibatch (and in tests 20), or none, example: exact, through the mean and variance of what each neuron receives"},
		{Name: "patience", Value: &c.Patience, Want: setting.From(0).With(" epochs"), Check: c.checkPatience, Before: "0",
			Unset: "none", Axis: "0,5,10", Own: true, Help: "stop when the loss on the examples of --validation has not " +
				"fallen below its least for so many epochs"},
		{Name: "seed", Value: &c.Seed, Axis: "1-5", Varied: true, Own: true, Help: "seed of everything random"},
		{Name: "draws", Value: &c.Draws, Want: setting.From(0), Own: true, Continue: true,
			Help: "draws of the weights for the predictive figures at the end"},
		{Name: "device", Value: &c.Device, Check: func() error { return checkDevice(c.Device) }, Place: true, Continue: true,
			Named: []string{"auto", "cpu", "cuda"},
			Help:  "auto, cpu, cuda or cuda:N"},
		{Name: "threads", Value: &c.Threads, Want: setting.From(0).With(", 0 for all processors"), Unset: "all processors",
			Place: true, Continue: true, Help: "threads on the CPU, at most 4 for each processor"},
		{Name: "checkpoint-every", Value: &c.CheckpointEvery, Want: setting.From(1).With(" epochs"), Place: true,
			Continue: true, Help: "epochs between checkpoints"},
	}
}

func networkNames() []string { return slices.Sorted(maps.Keys(graph.NetworkNames())) }

// texts are the names of values.
func texts[T fmt.Stringer](values []T) []string {
	var names []string
	for _, v := range values {
		names = append(names, v.String())
	}
	return names
}

func (c *Config) checkRho() error {
	if c.Rho.name == "" {
		return fmt.Errorf("rho is missing: want a number or fraction above 0, or the name of a mechanism")
	}
	return c.checkLayers("rho", c.Rho.String(), c.Rho.layers(), math.IsNaN(float64(c.Rho.Value())))
}

func (c *Config) checkCostPer() error {
	n, _ := graph.ParseNetwork(c.Network)
	shared := slices.ContainsFunc(n, func(n graph.Node) bool { return n.Kind == graph.Conv })
	if c.CostPer == kernels.CostPerPosition && !shared {
		return fmt.Errorf("cost-per %v: want a network with a convolution: other synapses are used once", c.CostPer)
	}
	return nil
}

func (c *Config) checkPatience() error {
	if c.Patience > 0 && c.Validation == 0 {
		return fmt.Errorf("patience %d: want validation too: examples to hold out, whose loss is watched", c.Patience)
	}
	return nil
}

func (c *Config) checkNormalise() error {
	if _, _, err := parseNormalise(c.Normalise); err != nil {
		return fmt.Errorf("normalise %q: %w", c.Normalise, err)
	}
	return nil
}

// byName is the text of Target if the name of a column says that it has the answers.
const byName = "auto"

func (c *Config) readTarget(text string) error {
	if c.Target = text; text == byName {
		c.Target = ""
	}
	return nil
}

func (c *Config) checkClasses() error {
	if c.Classes != 0 && (c.Classes < 2 || c.Classes > mnist.MaxClasses) {
		return fmt.Errorf("classes %d: want 2 to %d, or 0 to take them from the labels", c.Classes, mnist.MaxClasses)
	}
	return nil
}

// Set reads one value, named as its flag, from text. The error says what was expected; Check checks the whole
// configuration.
func (c *Config) Set(name, value string) error {
	s, err := c.Settings().Find(name)
	if err != nil && c.IsNumber(name) {
		return c.setNumber(name, value)
	}
	if err != nil {
		return err
	}
	return s.Set(value)
}

// Differences lists the settings that differ from another configuration, in alphabetical order.
func (c Config) Differences(other Config) setting.List {
	var list setting.List
	theirs := other.Settings()
	for i, s := range c.Settings() {
		if s.Text() != theirs[i].Text() {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b setting.Setting) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// FormatHidden writes hidden layers as 100x100, or none.
func FormatHidden(hidden []int) string {
	if len(hidden) == 0 {
		return "none"
	}
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(hidden), "[]"), " ", "x")
}
