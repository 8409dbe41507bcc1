// Package search finds the value of a setting at which a figure of trained networks crosses a target: the c at which
// they reach 90 % accuracy, say.
//
// What enters: a [Request], and the folder of a grid. What leaves: points of that grid, an [Outcome] with what was
// found for each mechanism, and search.csv.
//
// Networks that differ in more than the setting and the seed, such as in rho or noise, are searched side by side, and
// each seed of them for itself. First networks train at both ends of the range and between them, neighbours at most a
// factor of ten apart; those where the figure is on one side of the target and those where it is on the other must be
// neighbours in one place. That bracket is then halved, on a logarithmic scale unless the range begins at 0 or below,
// until it is as narrow as the tolerance says. All networks of a round train together. Whether the figure is monotone
// is judged at these first networks alone; where a later one contradicts it, or another network of the folder, a remark
// beside the value says so.
//
// Nothing is decided but by [Request.Decide], from the records of the folder and the request. So a search that was
// killed goes on where it was, and a larger one uses what a smaller one has trained.
package search
