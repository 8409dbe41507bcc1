// Package serve shows folders of runs, grids and experiments in a browser, while they fill.
//
// What enters: names of folders. What leaves: pages over HTTP, for as many browsers as look. All that they show is read
// from files, so it is the same beside the process that trains, after it was killed, and on another machine that sees
// the folder; and nothing is written.
//
// # How it reads
//
// One reader keeps one state for all browsers ([Server.refresh]). While a browser listens it looks at the folders once
// per second, or up to every five seconds where a look takes long, so that it uses a hundredth of one processor; it
// reads only files that are new or have another size or time. Browsers get the numbers of versions as server-sent
// events, and ask for what has changed. An answer is made and compressed once for each version, whoever asks (type
// answers). BenchmarkThousand and BenchmarkPaint say how long a folder of a thousand networks takes.
//
// # What it trusts
//
// Nothing. The folders on the command line are opened as an [os.Root], so that no link leads out of them; what is not a
// regular file is not opened, and each file is read up to a limit. A request names things by an id, never by a path.
// Only GET and HEAD have an answer. On a loopback address the Host header must be that of one, so that no page of
// another site can read through a name that it controls (DNS rebinding); on any other address, and after
// [Server.AskToken], every request needs a token. Pages may load scripts, styles, pictures and data from this server
// and from nowhere else, and put all that comes from files into text, never into markup. Figures and reports come in a
// sandbox, without scripts.
//
// # Drawing
//
// Plots are draw.Panel: numbers, drawn in the browser by uPlot (pages/uPlot.iife.min.js, version 1.6.32, MIT licence,
// from https://www.npmjs.com/package/uplot, unchanged), and by package draw for files.
package serve
