// Package drift
package drift
