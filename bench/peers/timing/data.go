package timing

import (
	"quantal/bench"
	"quantal/kernels"
)

// Examples is the number of training examples, that of MNIST: a minibatch is then 20 rows out of 47 MB, as in real
// training.
const Examples = 60000

// Data makes up examples of the shape of MNIST.
func Data() *kernels.Data { return bench.Data(Examples, 784, 10) }
