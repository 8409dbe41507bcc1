package timing

import (
	"math/rand/v2"

	"quantal/kernels"
	"quantal/mnist"
)

// Examples is the number of training examples, that of MNIST: a minibatch is then 20 rows out of 47 MB, as in real training.
const Examples = 60000

// Data makes up examples of the shape of MNIST. The time of a step does not depend on what is in them.
func Data() *kernels.Data {
	d := &kernels.Data{
		N: Examples, Width: 784, Bytes: make([]byte, Examples*784), Labels: make([]byte, Examples),
		Scale: 1. / (255 * 0.3081), Shift: -0.1307 / 0.3081, Order: mnist.Order,
	}
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(d.Bytes) // never an error
	for i := range d.Labels {
		d.Labels[i] = byte(random.Uint64() % 10)
	}
	return d
}
