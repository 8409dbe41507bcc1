// Package mnist turns data sets into examples: inputs as bytes or floats, with classes or numbers as answers.
//
// What enters: the name of a data set, which is a folder with the four IDX files of MNIST or of any set in its format
// ([Load]), an archive of NumPy or tables, the cache of this machine, which a download fills ([Fetch]), or the built-in
// digits ([Glyphs]). [Open] takes any of these names. What leaves: a [Set] with training and test [Examples], the
// checksums of their files, and the order of the examples in an epoch ([Order]).
//
// Nothing is used before it is checked: a file has the magic number, the dimensions and the exact length it should
// have, images and labels agree, labels can be classes ([Set.WithClasses]), and files that should be MNIST's match the
// published checksums. Data that fail a check are refused with a [DataError].
//
// Everything random here (built-in digits, order of the examples) is a pure function of its arguments through
// [quantal/kernels.Philox], the same on every machine.
package mnist
