package memory

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Every field of a record has to survive, also one that is added later: the
// record is filled by reflection.
func TestPackKeepsEveryField(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		var r runtime.TaskRecord
		v := reflect.ValueOf(&r).Elem()
		for i := range v.NumField() {
			if rnd.IntN(4) > 0 {
				v.Field(i).Set(randomValue(t, rnd, v.Type().Field(i)))
			}
		}
		if got := unpackRecord(packRecord(&r)); !reflect.DeepEqual(*got, r) {
			t.Fatalf("got  %+v\nwant %+v", *got, r)
		}
	}
}

func randomValue(t *testing.T, rnd *rand.Rand, f reflect.StructField) reflect.Value {
	t.Helper()
	text := make([]byte, 1+rnd.IntN(300))
	for i := range text {
		text[i] = byte(rnd.IntN(256))
	}
	var x any
	switch f.Type {
	case reflect.TypeFor[time.Time]():
		x = time.Unix(rnd.Int64N(1<<40)-1<<39, rnd.Int64N(1e9)).UTC()
	case reflect.TypeFor[[]byte]():
		x = text
	case reflect.TypeFor[float64]():
		x = rnd.Float64() * 100
	case reflect.TypeFor[int]():
		x = rnd.IntN(1 << 40)
	default:
		if f.Type.Kind() != reflect.String {
			t.Fatalf("field %s is a %s: packRecord has to learn it", f.Name, f.Type)
		}
		x = string(text)
	}
	return reflect.ValueOf(x).Convert(f.Type)
}

func TestUnpackedSharesNothing(t *testing.T) {
	packed := packRecord(&runtime.TaskRecord{ID: "a", Body: []byte("body")})
	r := unpackRecord(packed)
	clear(packed)
	if r.ID != "a" || string(r.Body) != "body" {
		t.Fatalf("the record changed with the bytes it was read from: %+v", r)
	}
}
