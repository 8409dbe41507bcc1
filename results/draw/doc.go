// Package draw draws figures in one style, as journals require them, and saves them as SVG, PNG or PDF. No other
// package draws.
//
// What enters: numbers. What leaves: files, each of which is replaced as a whole or not at all (package store); the
// same numbers give the same bytes. The package knows nothing about networks.
//
// A [Figure] is data: a [Block] or several, each of panels with axes and layers (a [Curve], [Points], a [Heat], ...)
// under one key, or each panel under its own. A label stands in the key once, for all layers that have it; shades have
// a colour bar there. With a caption and its numbers a figure is an [Illustration]; [ReadDrawings] reads saved ones
// back for a report. [Pictures] shows the examples of a data set.
package draw
