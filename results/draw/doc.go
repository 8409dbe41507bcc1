// Package draw draws figures in one style, as journals ask for them, and saves them as SVG, PNG or PDF.
//
// What enters: numbers. What leaves: files, of which each is replaced as a whole or not at all (package store); the
// same numbers give the same bytes. The package knows nothing of networks.
//
// Figures of what packages found are put together from a [Block] of panels, and go with a caption and their numbers as
// an [Illustration]; [ReadDrawings] reads saved ones back for a report. Package tables, whose panels draw more than
// curves and points, fills plots of gonum by itself: a [Style] makes their axes, and [Stack] a figure of them.
package draw
