// Package bulk runs jobs over many records: what can fail is reported for each of them, and a
// job that was interrupted goes on where it ended.
package bulk
