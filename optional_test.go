package growthgenius_test

import (
	"encoding/json"
	"fmt"
	"strings"
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

// TestOptionalIsPrinted: as its value, or with a word for what it is without one.
func TestOptionalIsPrinted(t *testing.T) {
	t.Parallel()
	in := growthgenius.MessageInput{
		RenderedCopy: growthgenius.Set("Hi"), ContactID: growthgenius.Set(growthgenius.ID("7")), MessageType: growthgenius.Null[string](),
	}
	text := fmt.Sprintf("%+v", in)
	for _, want := range []string{"RenderedCopy:Hi ", "ContactID:7 ", "MessageType:null ", "UserID:unset ", "Extra:map[]"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not have %s", text, want)
		}
	}
	if text := fmt.Sprintf("%v %q %s", growthgenius.Set(5), growthgenius.Set("a"), growthgenius.Set("")); text != `5 "a" ` {
		t.Errorf("got %s", text)
	}
}
