package match_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/match"
)

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"a@b", "a@b.c", "a@b.c.", "tony+crm@example.com", "o'brien@example.com", "n/a@example.com", "jörg@bücher.example", "a@xn--bcher-kva.example", "a@foo_bar.com", "a@例え。jp", "a@हिन्दी.example", "1@2.com",
	} {
		if err := match.CheckAddress(address); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
	for address, want := range map[string]string{
		"": "look like", "n/a": "look like", "-": "look like", "k.A.": "look like", "unknown": "look like", "@b.c": "look like",
		"a@": "not a domain", "a@.": "not a domain", "a@-": "not a domain", "-@-": "not a domain", "a@b..c": "not a domain", "a@.b": "not a domain", "a@b/c": "not a domain", "a@[1.2.3.4]": "not a domain", "a@n/a": "not a domain",
		"Tony <tony@example.com>": "without a name", "<tony@example.com>": "without a name", "tony@example.com (work)": "without a name",
		"a@b.c, d@e.f": "one address", "a@b.c;d@e.f": "one address", "a@b.c/d@e.f": "one address", "mailto:a@b.c": "one address",
		"a b@c.d": "a blank", "a@b.c\x00": "a blank", "a\u00a0@b.c": "a blank",
		"a\u200b@b.c": "seen", "\ufeffa@b.c": "seen", "a@b\u00ad.c": "seen", "a\u2060@b.c": "seen",
	} {
		if err := match.CheckAddress(address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", address, err, want)
		}
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": "plain", "": "", "Jörg 例え 👍": "Jörg 例え 👍", "\u0600 is seen": "\u0600 is seen",
		"\ufeffa\u200bb\u200c\u200dc\u2060d\u00ade\u180ef\u202e\u034fg\u3164h\ufe0fi\U000e0101": "abcdefghi",
	} {
		if got := match.Visible(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestSpellings(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][]string{
		"ada@example.com": nil, "j.doe-x_y@example.com": nil, " Ada@Example.com": nil,
		"ada+news@example.com":      {"ada@example.com"},
		"o'brien@example.com":       {"o&#39;brien@example.com", "obrien@example.com", "brien@example.com"},
		"ada@bücher.example":        {"ada@xn--bcher-kva.example", "ada@b?cher.example", "ada@bcher.example", "ada@bucher.example", "ada@buecher.example", "ada@bÃ¼cher.example"},
		"ada@xn--bcher-kva.example": {"ada@bücher.example", "ada@b?cher.example", "ada@bcher.example", "ada@bucher.example", "ada@buecher.example", "ada@bÃ¼cher.example"},
		"jörg@example.com":          {"j?rg@example.com", "jrg@example.com", "jorg@example.com", "joerg@example.com", "jÃ¶rg@example.com"},
		"ada@gmail.com":             nil,
		"a.da@gmail.com":            {"ada@gmail.com"},
		"a.da+x@googlemail.com":     {"a.da+x@gmail.com", "a.da@gmail.com", "ada@gmail.com"},

		"a.very.long.name.of.somebody@department.example.com": {"a.very.long.name.of.somebody@department."},
		"'@example.com": nil,
	} {
		if got := match.Spellings(address); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}
