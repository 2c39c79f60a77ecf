package match

import "strings"

// The kinds of keys of telephone numbers and of pages, see rewritesPhone and rewritesSite.
const (
	sameText     = '='
	sameLetters  = 'a'
	wholeNumber  = '#' // all digits
	partOfNumber = '%' // the first or last digits
	wholePage    = '/'
	partOfPage   = '>' // the last parts of an address
)

// minNumber is how many digits a number has within a town, at least.
const minNumber = 6

func (k *keys) sentPhone(phone string) {
	folded := Fold(phone)
	if folded == "" {
		return
	}
	k.add(sameText, folded)
	for {
		k.add(sameLetters, letters(Fold(phone)))
		number := bareNumber(strings.ReplaceAll(phone, "(0)", ""))
		k.add(wholeNumber, number)
		k.add(partOfNumber, number)
		eachPart(number, func(part string) { k.add(partOfNumber, part) })
		alone := extension.ReplaceAllString(phone, "")
		if alone == phone {
			return
		}
		phone = alone
	}
}

func (k *keys) storedPhone(phone string) {
	for ok := Fold(phone) != ""; ok; phone, ok = latin1(phone) {
		k.add(sameText, Fold(phone))
		k.add(sameLetters, letters(Fold(phone)))
		number := bareNumber(phone)
		k.add(partOfNumber, number)
		eachPart(number, func(part string) { k.add(wholeNumber, part) })
	}
}

func bareNumber(phone string) string { return strings.TrimLeft(digits(phone), "0") }

// eachPart calls use with what may be left of a number without a prefix or an extension.
func eachPart(number string, use func(part string)) {
	for n := minNumber; n < len(number); n++ {
		use(number[:n])
		use(number[len(number)-n:])
	}
}

func (k *keys) sentPage(field, page string) {
	folded := Fold(page)
	if folded == "" {
		return
	}
	site := plainSite(page)
	k.add(sameText, field, folded)
	k.add(wholePage, field, site)
	k.add(partOfPage, field, site)
	eachEnd(site, func(end string) { k.add(partOfPage, field, end) })
}

func (k *keys) storedPage(field, page string) {
	for ok := Fold(page) != ""; ok; page, ok = latin1(page) {
		site := plainSite(page)
		k.add(sameText, field, Fold(page))
		k.add(partOfPage, field, site)
		eachEnd(site, func(end string) { k.add(wholePage, field, end) })
	}
}

// eachEnd calls use with what follows each slash of the address of a page.
func eachEnd(site string, use func(end string)) {
	for _, end, ok := strings.Cut(site, "/"); ok; _, end, ok = strings.Cut(end, "/") {
		use(end)
	}
}
