package mnist

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"quantal/kernels"
)

func ExampleOrder() {
	order := make([]int32, 10)
	for epoch := range 2 {
		Order(order, 1, epoch)
		fmt.Println(order)
	}
	// Output:
	// [5 8 3 6 4 1 7 9 2 0]
	// [9 1 4 0 7 6 5 2 3 8]
}

// reference is the definition, draw by draw.
func reference(n int, seed uint64, epoch uint32) []int32 {
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	for i := n - 1; i > 0; i-- {
		w := kernels.Philox([4]uint32{uint32(i / 2), epoch, 2 << 16, 0}, [2]uint32{uint32(seed), uint32(seed >> 32)})
		x := new(big.Int).Lsh(big.NewInt(int64(w[2*(i%2)+1])), 32)
		x.Add(x, big.NewInt(int64(w[2*(i%2)])))
		x.Mul(x, big.NewInt(int64(i+1)))
		j := x.Rsh(x, 64).Int64()
		order[i], order[j] = order[j], order[i]
	}
	return order
}

func TestOrder(t *testing.T) {
	seen := make(map[string]bool)
	for _, n := range []int{0, 1, 2, 3, 100, 1001} {
		for _, seed := range []uint64{0, 1, 1 << 32, 1<<64 - 1} {
			for _, epoch := range []int{0, 1, 49} {
				got := make([]int32, n)
				Order(got, seed, epoch)
				if !slices.Equal(got, reference(n, seed, uint32(epoch))) {
					t.Errorf("order of %d for seed %d, epoch %d is not what it is defined to be", n, seed, epoch)
				}
				if n >= 100 {
					if key := fmt.Sprint(got); seen[key] {
						t.Errorf("order of %d for seed %d, epoch %d came before", n, seed, epoch)
					} else {
						seen[key] = true
					}
				}
				slices.Sort(got)
				for i, v := range got {
					if int(v) != i {
						t.Fatalf("order of %d is no permutation", n)
					}
				}
			}
		}
	}
}

// Every example appears at every position equally often.
func TestOrderUniform(t *testing.T) {
	const n, epochs = 10, 20000
	var count [n][n]float64
	order := make([]int32, n)
	for epoch := range epochs {
		Order(order, 7, epoch)
		for place, example := range order {
			count[place][example]++
		}
	}
	chi2 := 0.
	for _, row := range count {
		for _, c := range row {
			d := c - epochs/n
			chi2 += d * d / (epochs / n)
		}
	}
	// (n-1)^2 = 81 degrees of freedom: mean 81, standard deviation sqrt(162) = 12.7; the bounds are five of them either
	// way.
	if chi2 < 81-5*12.7 || chi2 > 81+5*12.7 {
		t.Errorf("chi squared is %.1f, want about 81", chi2)
	}
}

func BenchmarkOrder(b *testing.B) {
	order := make([]int32, 60000)
	for b.Loop() {
		Order(order, 1, 1)
	}
}
