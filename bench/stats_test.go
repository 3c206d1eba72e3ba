package main

import "testing"

func TestPercentileInterpolates(t *testing.T) {
	t.Parallel()
	values := []float64{40, 10, 30, 20}
	for _, c := range []struct{ p, want float64 }{
		{0, 10}, {50, 25}, {75, 32.5}, {100, 40},
	} {
		if got := percentile(values, c.p); got != c.want {
			t.Errorf("percentile %v = %v, want %v", c.p, got, c.want)
		}
	}
	if values[0] != 40 {
		t.Error("percentile sorted its input")
	}
	if got := percentile(nil, 50); got != 0 {
		t.Errorf("percentile of nothing = %v, want 0", got)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{nil, "–"},
		{[]float64{0.25}, "0.250"},
		{[]float64{300, 100, 200}, "200 (100..300)"},
		{[]float64{1.5, 4.25}, "2.88 (1.50..4.25)"},
	} {
		if got := spreadOf(c.values).String(); got != c.want {
			t.Errorf("spread of %v = %q, want %q", c.values, got, c.want)
		}
	}
}

func TestNumberKeepsThreeDigits(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 0.00012: "0.0001", 0.0456: "0.0456", 0.5: "0.500", 1.234: "1.23", 99.94: "99.9", 12345.6: "12346", -2.5: "-2.50",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}
