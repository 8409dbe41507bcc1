//go:build !unix

package timing

import "time"

func processorTime() time.Duration { return 0 }
