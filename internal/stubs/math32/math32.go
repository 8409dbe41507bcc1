// Package math32 has the float32 functions that Gorgonia mentions, rounded from those of package math. The module whose
// place it takes has assembly in its place and does not build for riscv64, loong64 and others.
package math32

import "math"

// MaxFloat32 is the largest float32.
const MaxFloat32 = math.MaxFloat32

func Abs(x float32) float32          { return float32(math.Abs(float64(x))) }
func Cbrt(x float32) float32         { return float32(math.Cbrt(float64(x))) }
func Ceil(x float32) float32         { return float32(math.Ceil(float64(x))) }
func Cos(x float32) float32          { return float32(math.Cos(float64(x))) }
func Exp(x float32) float32          { return float32(math.Exp(float64(x))) }
func Expm1(x float32) float32        { return float32(math.Expm1(float64(x))) }
func Floor(x float32) float32        { return float32(math.Floor(float64(x))) }
func Log(x float32) float32          { return float32(math.Log(float64(x))) }
func Log10(x float32) float32        { return float32(math.Log10(float64(x))) }
func Log1p(x float32) float32        { return float32(math.Log1p(float64(x))) }
func Log2(x float32) float32         { return float32(math.Log2(float64(x))) }
func Sin(x float32) float32          { return float32(math.Sin(float64(x))) }
func Sqrt(x float32) float32         { return float32(math.Sqrt(float64(x))) }
func Tanh(x float32) float32         { return float32(math.Tanh(float64(x))) }
func Max(x, y float32) float32       { return float32(math.Max(float64(x), float64(y))) }
func Min(x, y float32) float32       { return float32(math.Min(float64(x), float64(y))) }
func Mod(x, y float32) float32       { return float32(math.Mod(float64(x), float64(y))) }
func Pow(x, y float32) float32       { return float32(math.Pow(float64(x), float64(y))) }
func Inf(sign int) float32           { return float32(math.Inf(sign)) }
func NaN() float32                   { return float32(math.NaN()) }
func IsInf(x float32, sign int) bool { return math.IsInf(float64(x), sign) }
func IsNaN(x float32) bool           { return x != x }
func Signbit(x float32) bool         { return math.Signbit(float64(x)) }
