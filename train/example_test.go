package train_test

import (
	"fmt"

	"quantal/train"
)

// A configuration is a preset and what differs from it, each setting by the name of its flag.
func ExampleConfig_Set() {
	published, err := train.Preset("published")
	if err != nil {
		fmt.Println(err)
		return
	}
	c := published
	for _, s := range [][2]string{{"rho", "membrane"}, {"noise", "homogeneous"}, {"hidden", "50x20"}} {
		if err := c.Set(s[0], s[1]); err != nil {
			fmt.Println(err)
		}
	}
	for _, s := range c.Differences(published) {
		fmt.Println(s.Name, s.Text())
	}
	fmt.Println(c.Set("noise", "loud"))
	// Output:
	// hidden 50x20
	// noise homogeneous
	// rho membrane
	// want one of heterogeneous, homogeneous, neuron, layer, none
}
