// Package tables makes tables, figures and reports of what package store keeps: groups of networks that differ only in
// the seed, the comparison with published values, Fig. 2 and 3 of a grid, the learning curve and the sigmas of a run,
// pages for a browser.
//
// What enters: records of a grid ([Grid]), epochs, checkpoints, run folders, published values. What leaves: table.csv,
// table.jsonl, means.csv, NumPy archives, HTML, and figures (package draw). [WriteRows] writes the tables of other
// packages.
//
// # Tables of a grid
//
// Package grid leaves a Record for each network that has finished. Everything else is derived from them, by
// WriteTables, Grid.Figures, Grid.Report, Compare and ExportGrid, and can be made again at any time.
//
// table.csv and table.jsonl have a row for each record, in the order of Settings.Compare. quantal/results/columns
// explains their columns. An empty cell, null in JSON, means that there is no value; numbers are written so that they
// read back the same; the numbers of a list are joined by semicolons in CSV. In CSV, text that a spreadsheet would take
// for a formula starts with an apostrophe. Settings that were added later have the name of their flag with _ for -. A
// number of a cost has a column set_NAME; where layers differ in a number, c_layers has all of them, as 0.1x0.1x1, and
// c is empty. Columns such as converged and stopped_epoch are there if a network has them.
//
// Grid.Chart draws any of these columns over any setting. Where costs have numbers of their own, fig2 and fig3 are over
// c or over the number with most values, and a number that is the same in all networks of a cost counts as part of it.
//
// curves.csv and curves.jsonl (WriteCurves) have a row for each line of the learning curve of each network of a grid:
// its id, the settings in which the networks differ, and what was measured of any. There are at most 200 epochs of a
// training, evenly apart. Each line has nll, which training computes anyway. Accuracies and losses of the first
// test_examples of the test set, up to 500, and what follows from mu and sigma are measured at as many epochs, the
// first among them, as cost the training no more than a hundredth of its time; the last line has them of the whole test
// set.
//
// A network that diverged has the lines up to then; one of a grid of an earlier version has none.
//
// means.csv has a row for each Group, the networks that differ only in the seed: the settings without the seed; seeds,
// how many finished; diverged, how many did not and are not in the means; then for each figure its mean over seeds, and
// under its name with _ci95 half of the 95 % interval of that mean, t(n-1) s / sqrt(n). That is empty for a single
// seed. The interval is over seeds: the test set and all settings are the same.
package tables
