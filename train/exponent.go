package train

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/nearest"
	"quantal/internal/setting"
	"quantal/synapse"
)

// Exponent is the exponent rho of the reliability cost as a user writes it: a number, a fraction, the name of a
// mechanism, or entropic; or one of these for each layer, separated by x. Its value is then NaN, unless all layers have
// the same.
type Exponent struct {
	name  string
	value synapse.Power
}

// named returns the exponent of a name: a mechanism's, or entropic.
func named(name string) (synapse.Power, bool) {
	for _, m := range synapse.Mechanisms() {
		if m.String() == name {
			return m.Rho(), true
		}
	}
	return synapse.Entropic, name == "entropic"
}

// names lists the names of exponents.
func names() []string {
	var list []string
	for _, m := range synapse.Mechanisms() {
		list = append(list, m.String())
	}
	return append(list, "entropic")
}

// DescribeExponent writes an exponent for people, with the mechanism that has it: "calcium, ρ = 1/2".
func DescribeExponent(rho synapse.Power) string {
	switch {
	case rho.Entropic():
		return "entropic, ρ → 0"
	case rho != rho:
		return "ρ by layer"
	}
	text := strconv.FormatFloat(float64(rho), 'g', 4, 64)
	for n := 1; n <= 9; n++ { // a small fraction, if it is one
		if x := float64(float64(rho) * float64(n)); math.Abs(x-math.Round(x)) < 1e-9*x {
			if text = fmt.Sprintf("%.0f", x); n > 1 {
				text += fmt.Sprintf("/%d", n)
			}
			break
		}
	}
	if m, ok := synapse.MechanismOf(rho); ok {
		return m.String() + ", ρ = " + text
	}
	return "ρ = " + text
}

// ParseExponent reads an exponent, or one for each layer. The error says what was expected.
func ParseExponent(s string) (Exponent, error) {
	e, err := parseOne(s)
	parts := strings.Split(s, "x")                                   // no name has an x
	if err == nil || len(parts) == 1 || slices.Contains(parts, "") { // not numbers with an x between them
		return e, err
	}
	var values []float64
	for _, part := range parts {
		one, err := parseOne(part)
		if err != nil {
			return Exponent{}, fmt.Errorf("%q: %w", part, err)
		}
		values = append(values, float64(one.value))
	}
	if value := setting.Common(values); value == value || !slices.Contains(values, 0) {
		return Exponent{strings.TrimSpace(s), synapse.Power(value)}, nil
	}
	return Exponent{}, fmt.Errorf("want entropic for all layers or for none: it is a cost of another form")
}

func parseOne(s string) (Exponent, error) {
	e := Exponent{name: strings.TrimSpace(s)}
	if v, ok := named(e.name); ok {
		e.value = v
		return e, nil
	}
	bad := fmt.Errorf("want a number or fraction above 0, or one of %s%s", strings.Join(names(), ", "),
		nearest.Hint(s, names()))
	numerator, denominator, fraction := strings.Cut(e.name, "/")
	v, err := strconv.ParseFloat(strings.TrimSpace(numerator), 64)
	if err != nil {
		return Exponent{}, bad
	}
	if fraction {
		d, err := strconv.ParseFloat(strings.TrimSpace(denominator), 64)
		if err != nil || d == 0 {
			return Exponent{}, bad
		}
		v /= d
	}
	if !(v > 0) || math.IsInf(v, 0) {
		return Exponent{}, bad
	}
	e.value = synapse.Power(v)
	return e, nil
}

// layers is the number of exponents, one or one for each layer.
func (e Exponent) layers() int {
	if _, err := parseOne(e.name); err == nil {
		return 1
	}
	return 1 + strings.Count(e.name, "x")
}

// Layer is the exponent of a layer.
func (e Exponent) Layer(l int) Exponent {
	if n := e.layers(); n > 1 && l < n {
		e, _ = parseOne(strings.Split(e.name, "x")[l]) // ParseExponent has read it
	}
	return e
}

// Value is the exponent without its spelling; NaN if layers differ.
func (e Exponent) Value() synapse.Power { return e.value }

// Entropic reports whether it is the limit rho -> 0, whose cost is -c log sigma.
func (e Exponent) Entropic() bool { return e.value.Entropic() }

func (e Exponent) String() string { return e.name }

// MarshalText writes the exponent as the user wrote it.
func (e Exponent) MarshalText() ([]byte, error) { return []byte(e.name), nil }

// UnmarshalText reads an exponent.
func (e *Exponent) UnmarshalText(text []byte) (err error) {
	*e, err = ParseExponent(string(text))
	return err
}
