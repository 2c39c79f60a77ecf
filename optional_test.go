package growthgenius_test

import (
	"encoding/json"
	"testing"

	"github.com/growthgenius/growthgenius-go"
)

func TestOptional(t *testing.T) {
	t.Parallel()
	var unset growthgenius.Optional[string]
	for _, tt := range []struct {
		o            growthgenius.Optional[string]
		value        string
		ok, null, no bool
	}{
		{unset, "", false, false, true},
		{growthgenius.Null[string](), "", false, true, false},
		{growthgenius.Set(""), "", true, false, false},
		{growthgenius.Set("x"), "x", true, false, false},
	} {
		value, ok := tt.o.Get()
		if value != tt.value || ok != tt.ok || tt.o.IsNull() != tt.null || tt.o.IsZero() != tt.no {
			t.Errorf("%+v: %q %v %v %v", tt.o, value, ok, tt.o.IsNull(), tt.o.IsZero())
		}
	}
	var n growthgenius.Optional[int]
	if err := json.Unmarshal([]byte(`"x"`), &n); err == nil || !n.IsZero() {
		t.Errorf("%v %v", err, n)
	}
}
