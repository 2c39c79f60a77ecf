package match

import (
	"hash/maphash"
	"slices"
	"strings"
	"unicode"
)

// addressKeys are hashes of what addresses that are alike have in common.
type addressKeys []uint64

var addressSeed = maphash.MakeSeed()

func (k *addressKeys) add(text string) {
	if hash := maphash.String(addressSeed, text); !slices.Contains(*k, hash) {
		*k = append(*k, hash)
	}
}

// addCut adds a key for an address that servers may have cut short.
func (k *addressKeys) addCut(address string) {
	if runes := []rune(address); len(runes) >= minCutAddress {
		k.add(string(runes[:minCutAddress]))
	}
}

// SentAddressKeys returns keys by which to find the records with an e-mail address that is, or
// may be made of, the one that was sent: each record for which [Addresses] does not return
// Unlike has one of them among its [StoredAddressKeys]. Most addresses have one key, shared by
// few others. They are those of this process.
func SentAddressKeys(address string) []uint64 {
	var keys addressKeys
	for _, form := range addressForms(address) {
		keys.addCut(form)
		local, domain, ok := strings.Cut(form, "@")
		if !ok {
			keys.add(letters(form))
			continue
		}
		domains := []string{domainKey(domain)}
		if _, international := shownDomain(domain); international {
			domains = append(domains, anyDomain)
		}
		for _, l := range sentLocals(local, domain) {
			for _, d := range domains {
				keys.add(l + "@" + d)
			}
		}
	}
	return keys
}

// StoredAddressKeys returns the keys of the e-mail address of a record, for [SentAddressKeys].
// Most addresses have two.
func StoredAddressKeys(address string) []uint64 {
	var keys addressKeys
	for ok := true; ok; address, ok = latin1(address) {
		for _, form := range addressForms(address) {
			keys.addCut(form)
			local, domain, ok := strings.Cut(form, "@")
			if !ok {
				keys.add(letters(form))
				continue
			}
			_, international := shownDomain(domain)
			for _, l := range storedLocals(local, domain) {
				keys.add(l + "@" + domainKey(domain))
				if !international {
					keys.add(l + "@" + anyDomain)
				}
			}
		}
	}
	return keys
}

// anyDomain is in place of a domain that servers may write in many ways.
const anyDomain = ""

// addressForms returns the texts that are compared of an address.
func addressForms(address string) []string {
	whole, alone := Fold(address), addressAlone(address)
	switch whole {
	case "":
		return nil
	case alone:
		return []string{alone}
	}
	return []string{alone, whole}
}

// sentLocals returns what servers may make of what is before the @, without anything but
// letters and digits.
func sentLocals(local, domain string) []string {
	plain := plainLocal(local, domain)
	all := []string{bare(plain), bare(withoutTag(plain, domain))}
	stored := asStored(local)
	if isASCII(stored) {
		return all
	}
	all = append(all, bare(plainLocal(spelled.Replace(local), domain)))
	for _, limit := range storableLimits {
		if first := strings.IndexFunc(stored, isBeyond(limit)); first >= 0 {
			all = append(all, letters(storable(stored, limit)), letters(stored[:first]))
		}
	}
	return all
}

// storedLocals returns what may be one of the sentLocals of an address.
func storedLocals(local, domain string) []string {
	all := []string{bare(plainLocal(local, domain))}
	stored, limit := asStored(local), slices.Max(storableLimits)
	if isASCII(stored) && !strings.Contains(stored, "<") || strings.ContainsFunc(stored, isBeyond(limit)) {
		return all // what is storable is the same, or was not made by a server that cannot store all
	}
	return append(all, letters(storable(stored, limit)))
}

// bare keeps the letters and digits of a plainLocal.
func bare(plain string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, plain)
}

// domainKey returns a text that is the same for all names of one domain.
func domainKey(domain string) string {
	if isGoogle(domain) {
		return "gmail.com"
	}
	return domain
}
