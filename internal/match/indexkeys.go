package match

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"unicode/utf8"
)

// keys are hashes of what records that are alike have in common.
type keys []indexKey

type indexKey struct {
	hash uint64
	part uint8 // see nameBits: of a name, in which field it is; 0 for any
}

// add adds the key of a text of some kind.
func (k *keys) add(kind byte, texts ...string) { k.addPart(0, kind, texts...) }

func (k *keys) addPart(part uint8, kind byte, texts ...string) {
	var h maphash.Hash
	h.SetSeed(addressSeed)
	_ = h.WriteByte(part)
	_ = h.WriteByte(kind)
	for _, text := range texts {
		_, _ = h.WriteString(text)
		_ = h.WriteByte(0)
	}
	if key := (indexKey{h.Sum64(), part}); !slices.Contains(*k, key) {
		*k = append(*k, key)
	}
}

// addHashes adds keys that are hashes already.
func (k *keys) addHashes(hashes []uint64) {
	for _, hash := range hashes {
		*k = append(*k, indexKey{hash: hash})
	}
}

// sentKeys returns the keys of a record that was sent, for a table of an [Index].
func sentKeys(resource string, table int, content Row) keys {
	var k keys
	email, mark := content.Text("email"), Mark(resource, content)
	switch {
	case table == byMark && mark != "":
		k.add('m', mark)
	case table == byMarkless && mark == "", table == byAddress && mark != "":
		k.addHashes(SentAddressKeys(email))
	case table == byName:
		k.sentNames(content)
	case table == byOther:
		for _, field := range phoneFields {
			k.sentPhone(phoneOf(content, field))
		}
		for _, field := range pageFields {
			k.sentPage(field, content.Text(field))
		}
	}
	return k
}

// storedKeys returns the keys of a record, to look for in a table. Each record that was sent
// which the table has, and which Compare does not call Unlike, has one of them.
func storedKeys(resource string, table int, row Row) keys {
	k := keys{}
	switch table {
	case byMark:
		k.add('m', Mark(resource, row))
	case byMarkless, byAddress:
		k.addHashes(StoredAddressKeys(row.Text("email")))
	case byName:
		k.storedNames(row)
	case byOther:
		for _, field := range phoneFields {
			k.storedPhone(phoneOf(row, field))
		}
		for _, field := range pageFields {
			k.storedPage(field, row.Text(field))
		}
	}
	return k
}

// The kinds of keys of names, see rewritesName.
const (
	wholeLetters = 'l' // all letters of a name
	cutLetters   = 'c' // the first letters: the name may have been cut short
	cutText      = 't' // the beginning of the name, with everything in it
	storableText = 's' // what a server keeps that cannot store all characters
	sortedWords  = 'o'
	twoWords     = '2' // the first word and the last one: others may have been dropped
	firstWord    = '1' // the same, for a name of very many words
	oneOfWords   = 'w' // a word of a full name of which only a part was sent
	noWords      = 'n'
)

const (
	// maxCutKey is how many characters of a name distinguish those that were cut short.
	maxCutKey = 64
	// maxPairedWords is of how many words each two have a key.
	maxPairedWords = 8
)

// namesInOrder are the fields of names, of which the first that two records have in common
// must be alike.
var namesInOrder = [...]string{"last_name", "full_name", "name", "first_name"}

// nameBits returns which of namesInOrder a record has, a bit for each.
func nameBits(row Row) (bits uint8) {
	for i, field := range namesInOrder {
		if Fold(row.Text(field)) != "" {
			bits |= 1 << i
		}
	}
	return bits
}

// firstCommon returns the first of some bits, alone.
func firstCommon(bits uint8) uint8 { return bits & -bits }

func (k *keys) sentNames(content Row) {
	k.sentName(0, wholeName(content))
	for i, field := range namesInOrder {
		k.sentName(1<<i, content.Text(field))
	}
	first, last := content.Text("first_name"), content.Text("last_name")
	if content.Text("full_name")+content.Text("name") == "" && (first == "" || last == "") {
		if all := words(Fold(first + last)); len(all) == 0 {
			k.add(noWords)
		} else {
			k.add(oneOfWords, slices.MaxFunc(all, func(a, b string) int { return cmp.Compare(len(a), len(b)) }))
		}
	}
}

func (k *keys) storedNames(row Row) {
	whole := wholeName(row)
	k.storedName(0, whole)
	for i, field := range namesInOrder {
		k.storedName(1<<i, row.Text(field))
	}
	k.add(noWords)
	for _, word := range words(whole) {
		k.add(oneOfWords, word)
	}
}

// sentName adds what servers may make of a name.
func (k *keys) sentName(part uint8, name string) {
	folded := Fold(name)
	if folded == "" {
		return
	}
	forms := []string{plain(folded), plain(scripts.ReplaceAllString(folded, ""))}
	if !isASCII(folded) {
		forms = append(forms, plain(spelled.Replace(folded)))
		stored := asStored(name)
		for _, limit := range storableLimits {
			if first := strings.IndexFunc(stored, isBeyond(limit)); first >= 0 {
				k.addPart(part, storableText, storable(stored, limit))
				k.addPart(part, storableText, plain(stored[:first]))
			}
		}
	}
	slices.Sort(forms)
	for _, form := range slices.Compact(forms) {
		all := letters(form)
		k.addPart(part, wholeLetters, all)
		k.addCuts(part, cutLetters, all)
	}
	k.addCuts(part, cutText, folded)
	all := words(folded)
	k.addPart(part, sortedWords, slices.Sorted(slices.Values(all))...)
	for i, word := range all {
		if len(all) > maxPairedWords {
			k.addPart(part, firstWord, word)
			continue
		}
		for _, later := range all[i+1:] {
			k.addPart(part, twoWords, word, later)
		}
	}
}

// addCuts adds keys of what may be left of a text that was cut short.
func (k *keys) addCuts(part uint8, kind byte, text string) {
	n := 0
	for i := range text {
		if n >= minCutName && n <= maxCutKey {
			k.addPart(part, kind, text[:i])
		}
		n++
	}
	if n >= minCutName && n <= maxCutKey {
		k.addPart(part, kind, text)
	}
}

// storedName adds the keys of a name as a server has it.
func (k *keys) storedName(part uint8, name string) {
	for ok := Fold(name) != ""; ok; name, ok = latin1(name) {
		folded := Fold(name)
		all := letters(plain(folded))
		k.addPart(part, wholeLetters, all)
		k.addCut(part, cutLetters, all)
		k.addCut(part, cutText, strings.TrimRight(folded, "."))
		k.addCut(part, cutText, folded+" ")
		for _, limit := range storableLimits {
			k.addPart(part, storableText, storable(asStored(name), limit))
		}
		if w := words(folded); len(w) > 1 {
			k.addPart(part, twoWords, w[0], w[len(w)-1])
			k.addPart(part, firstWord, w[0])
			slices.Sort(w)
			k.addPart(part, sortedWords, w...)
		}
	}
}

// addCut adds the key of a text that may be what is left of a longer one.
func (k *keys) addCut(part uint8, kind byte, text string) {
	if utf8.RuneCountInString(text) < minCutName {
		return
	}
	n := 0
	for i := range text {
		if n == maxCutKey {
			text = text[:i]
			break
		}
		n++
	}
	k.addPart(part, kind, text)
}
