package match_test

import (
	"fmt"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go/internal/match"
)

// meet reports whether a record with an address can be found by one that was sent.
func meet(sent, stored string) bool {
	keys := match.StoredAddressKeys(stored)
	return slices.ContainsFunc(match.SentAddressKeys(sent), func(key uint64) bool { return slices.Contains(keys, key) })
}

// addressRewritings are what servers make of addresses beyond the rewritings of all texts.
var addressRewritings = map[string]func(local, domain string) string{
	"question marks": func(local, domain string) string { return withoutForeign(local, "?") + "@" + domain },
	"no foreign":     func(local, domain string) string { return withoutForeign(local, "") + "@" + domain },
	"cut at foreign": func(local, domain string) string {
		before, _, _ := strings.Cut(withoutForeign(local, "?"), "?")
		return before + "@" + domain
	},
	"lossy domain": func(local, domain string) string { return local + "@" + withoutForeign(domain, "") },
	"umlauts": func(local, domain string) string {
		r := strings.NewReplacer("ö", "oe", "ü", "ue")
		return r.Replace(local) + "@" + r.Replace(domain)
	},
	"no accents": func(local, domain string) string {
		r := strings.NewReplacer("ö", "o", "ü", "u")
		return r.Replace(local) + "@" + r.Replace(domain)
	},
	"latin1":  func(local, domain string) string { return asWindows1252(local + "@" + domain) },
	"percent": func(local, domain string) string { return url.PathEscape(local) + "@" + domain },
	"name":    func(local, domain string) string { return "Ada Byron <" + local + "@" + domain + ">" },
	"mailto":  func(local, domain string) string { return "mailto:" + local + "@" + domain },
	"no dots": func(local, domain string) string { return strings.ReplaceAll(local, ".", "") + "@" + domain },
	"googlemail": func(local, domain string) string {
		return local + "@" + strings.Replace(domain, "gmail.", "googlemail.", 1)
	},
	"no subdomain": func(local, domain string) string { return local + "@" + strings.TrimPrefix(domain, "mail.") },
	"yahoo tag": func(local, domain string) string {
		before, _, _ := strings.Cut(local, "-")
		return before + "@" + domain
	},
	"no quotes":      func(local, domain string) string { return strings.ReplaceAll(local, "'", "") + "@" + domain },
	"plus as blank":  func(local, domain string) string { return strings.ReplaceAll(local, "+", " ") + "@" + domain },
	"cut":            func(local, domain string) string { a := local + "@" + domain; return a[:min(len(a), 33)] },
	"dot at the end": func(local, domain string) string { return local + "@" + domain + "." },
}

func withoutForeign(s, by string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			b.WriteString(by)
		}
	}
	return b.String()
}

func asWindows1252(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(charmap.Windows1252.DecodeByte(s[i]))
	}
	return b.String()
}

// TestAddressKeys: whatever a server is known to make of an address can be found by a key of it.
func TestAddressKeys(t *testing.T) {
	t.Parallel()
	locals := append([]string{
		"jörg", "jo\u0308rg.x", "Иван", "tom👍y", "ada-news", "ada-x+y", "first.last", "a.very.long.name.of.somebody", "ein.sehr.länglicher.name.von.jemand", "", "&", "a%2Bb", "n/a",
	}, locals...)
	domains := append([]string{"mail.müller.example", "xn--mller-kva.example", "muller.example", "yahoo.com", "googlemail.com", "department.example.com", "почта.рф", ""}, domains...)
	alike := map[string]int{}
	check := func(rt *rapid.T, sent, stored, how string) {
		if match.Addresses(sent, stored) == match.Unlike {
			return
		}
		alike[how]++
		if !meet(sent, stored) {
			rt.Errorf("%q was sent and %q stored, and they have no key in common (%s)", sent, stored, how)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) (string, string) {
			return rapid.SampledFrom(locals).Draw(rt, label+" local"), rapid.SampledFrom(domains).Draw(rt, label+" domain")
		}
		local, domain := draw("sent")
		sent := local + "@" + domain
		stored := sent
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(rewritings))), 0, 2).Draw(rt, "before") {
			stored = rewritings[name]("email", stored)
		}
		check(rt, sent, stored, "of any text")
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(addressRewritings))), 1, 3).Draw(rt, "rewritings") {
			local, domain, _ := strings.Cut(stored, "@")
			stored = addressRewritings[name](local, domain)
			check(rt, sent, stored, name)
		}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(rewritings))), 0, 2).Draw(rt, "after") {
			stored = rewritings[name]("email", stored)
		}
		check(rt, sent, stored, "in all")
		other, at := draw("other")
		check(rt, sent, other+"@"+at, "of another")
	})
	for _, how := range append(slices.Collect(maps.Keys(addressRewritings)), "of any text", "in all", "of another") {
		if alike[how] == 0 && !testing.Short() { // which draws a fifth of the values
			t.Errorf("no rewriting was tried: %s", how)
		}
	}
}

// TestOddAddressKeys: addresses that are compared in an unusual way have a key in common, too.
func TestOddAddressKeys(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ sent, stored string }{
		{"n/a", "na"},
		{"k.A.", "ka"},
		{"ada%\u200b27x@example.com", "ada%27x@example.com"}, // folded alike, though only one has an escape
		{"<b@example.com", "&lt;b@example.com"},
		{"&amp;amp;amp;amp;amp;ouml;@example.com", "?@example.com"},
		{"ac👍@example.com", "a%3Cb%3Ec@example.com"},
		{"👍@example.com", "\ufffd@example.com"},
		{"jö👍rg@example.com", "jö?rg@example.com"},
		{"jö👍rg@example.com", "jö@example.com"},
		{"हि👍न्दी@example.com", "हि@example.com"},
		{"somebody.with.a.name@müller.example", "somebody.with.a.name@müller.ex"},
		{"a.very.long.name.of.somebody@department.example.com", "a.very.long.name.of.somebody@d...."},
		{"ein.sehr.länglicher.name.von.jemand@example.com", "ein.sehr.länglicher.name.von.j"},
		{"mailto:", "%20"},
	} {
		if match.Addresses(test.sent, test.stored) == match.Unlike {
			t.Errorf("%q and %q are unlike", test.sent, test.stored)
		}
		if !meet(test.sent, test.stored) {
			t.Errorf("%q was sent and %q stored, and they have no key in common", test.sent, test.stored)
		}
	}
	if sent, stored := match.SentAddressKeys(" "), match.StoredAddressKeys("\u200b"); len(sent)+len(stored) > 0 {
		t.Errorf("no address has the keys %x and %x", sent, stored)
	}
}

// TestFewAddressKeys: most addresses have one key when they are sent and two when they are
// stored, and only a few others have one of them.
func TestFewAddressKeys(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][2]int{
		"ada@example.com": {1, 2}, "j.doe-x_y@example.com": {1, 2}, "info@xn--mller-kva.example": {2, 1},
		"ada+news@example.com": {2, 2}, "ada-news@yahoo.com": {2, 2}, "ada-news@example.com": {1, 2},
		"jörg@example.com": {4, 2}, "हि👍@example.com": {3, 2}, "a.very.long.name.of.somebody@department.example.com": {2, 3},
	} {
		if got := [2]int{len(match.SentAddressKeys(address)), len(match.StoredAddressKeys(address))}; got != want {
			t.Errorf("%s has %d keys, want %d", address, got, want)
		}
	}
	rows := map[uint64][]string{}
	add := func(address string) {
		for _, key := range match.SentAddressKeys(address) {
			rows[key] = append(rows[key], address)
		}
	}
	names := []string{"info", "sales", "office", "ada.byron", "o'brien", "jörg", "first.last+crm"}
	for i := range 500 {
		for _, name := range names {
			add(fmt.Sprintf("%s@company%d.example", name, i))
		}
	}
	found := 0
	for i := range 500 {
		for _, name := range names {
			for _, key := range match.StoredAddressKeys(html.EscapeString(fmt.Sprintf("%s@company%d.example", name, i))) {
				found += len(rows[key])
			}
		}
	}
	if most := 500 * (len(names) + 2); found < 500*len(names) || found > most {
		t.Errorf("%d records lead to %d rows, want %d at most", 500*len(names), found, most)
	}
}

// FuzzAddressKeys: addresses that are alike have a key in common.
func FuzzAddressKeys(f *testing.F) {
	f.Add("o'brien+x@müller.example", "O&#39;Brien@xn--mller-kva.example")
	f.Add("ada@mail.müller.example", "ada@muller.example")
	f.Add("jörg👍@googlemail.com", "j?rg@gmail.com")
	f.Fuzz(func(t *testing.T, sent, stored string) {
		if match.Addresses(sent, stored) != match.Unlike && !meet(sent, stored) {
			t.Errorf("%q and %q are alike, and have no key in common", sent, stored)
		}
	})
}
