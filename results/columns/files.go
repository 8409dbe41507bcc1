package columns

// File is a kind of file that the program writes.
type File struct {
	Pattern string // of the end of its path, as path.Match has it
	About   string
	Types   []string // of the structs that are its objects or rows, as in comments.txt
}

// Files lists the kinds of files with columns or keys. Pictures, their captions and pages have none.
func Files() []File {
	return []File{
		{"config.toml", "the settings of a run or an experiment; --config repeats it", []string{
			"dynamics/explore.Explorer", "dynamics/sampling.Problem", "dynamics/spines.Condition"}},
		{"environment.json", "what bytes and speed depend on besides the settings", []string{"results/store.Environment"}},
		{"metrics.jsonl", "a line for each epoch of a run", []string{"results/store.Epoch"}},
		{"summary.json", "the results of a run or an experiment", []string{"train.Summary", "dynamics.Several",
			"dynamics/assemblies.Summary", "dynamics/assemblies.SpikingSummary",
			"dynamics/balance.Summary", "dynamics/drift.Summary",
			"dynamics/explore.Summary", "dynamics/reward.Summary", "dynamics/sampling.Summary", "dynamics/spines.Summary",
			"dynamics/tolerance.Summary"}},
		{"times.json", "the time that a run had taken at its last checkpoints", []string{"results/store.timesAt"}},
		{"table.csv", "a row for each network of a grid, or the numbers of an experiment", []string{"results/store.Record",
			"dynamics/assemblies.Outcome", "dynamics/assemblies.SpikingOutcome", "dynamics/balance.Outcome",
			"dynamics/drift.Row",
			"dynamics/explore.Row",
			"dynamics/reward.Outcome", "dynamics/sampling.Row", "dynamics/spines.Row", "dynamics/tolerance.Row"}},
		{"table.jsonl", "table.csv with a JSON object for each row", []string{"results/store.Record"}},
		{"means.csv", "means over networks that differ only in the seed", []string{"results/store.Record", "dynamics.Mean"}},
		{"curves/*.jsonl", "the learning curve of a network of a grid", []string{"results/store.Epoch"}},
		{"curves.*", "a row for each line of the learning curves of a grid", []string{"results/store.Epoch"}},
		{"search.json", "what a search was asked for", []string{"grid/search.Request"}},
		{"search.csv", "a row for each mechanism of a search", []string{"grid/search.row"}},
		{"points/*.json", "the record of a finished network of a grid", []string{"results/store.Record"}},
		{"launches/*/plan.json", "what was asked of Slurm", []string{"grid/slurm.Plan"}},
		{"launches/*/jobs.json", "the jobs that Slurm accepted", []string{"grid/slurm.Job"}},
		{"plan*.json", "the networks of a grid, and the command that asked for them", []string{"grid.Plan"}},
		{"journal/*.jsonl", "what a process did in a grid", []string{"grid.entry"}},
		{"progress/*.json", "what a process is doing in a grid", []string{"grid.Progress"}},
		{"progress.json", "how far an unfinished experiment is", []string{"dynamics.Told"}},
		{"slopes.*", "a row for each network, layer and signature: quantal analyze", []string{"analysis.SignatureSlope"}},
		{"converged.*", "a row for each layer of a converged network", []string{"analysis.ConvergedRow"}},
		{"deciles.*", "a row for each tenth of the synapses of a layer", []string{"analysis.DecileRow"}},
		{"converge/*.json", "how the sigma of a network came to its optimum", []string{"analysis.Convergence"}},
		{"energy.*", "a row for each network and layer: quantal energy", []string{"analysis.EnergyRow"}},
		{"energy-networks.*", "a row for each network: quantal energy", []string{"analysis.EnergyOverview"}},
		{"*.npz", "arrays for numpy.load: quantal export, grid export and analyze", []string{"results/store.Record"}},
		{"*.safetensors", "a checkpoint, a finished network, or an export", nil},
		{"*.json", "the numbers of a figure", []string{"dynamics.series", "analysis.NetworkEnergy",
			"analysis.SignatureSlope", "analysis.ReleaseAnalysis", "analysis.TrainedGLM", "analysis.GLMComparison",
			"analysis.TwoWeights", "analysis.PosteriorComparison", "analysis.Regression", "analysis.Experiment"}},
	}
}
