// Package growthgeniusriver is for programs whose workers call the API from the jobs of a
// River queue (https://riverqueue.com).
//
// [Configure] sets up a client of River. From then on, each worker may return the
// errors of the SDK as they are:
//
//   - A job that the API asks to wait is snoozed for that long. If the whole account is asked
//     to wait, its queue is paused until then, for all processes.
//   - A job that can never succeed is canceled.
//   - A job that may succeed later is retried by the retry policy of River.
//   - A create whose outcome is not known is never repeated, unless a key protects it: give
//     each create the option [Once].
//
// [Result] does the same for a worker that is set up by hand, [Pause] and [PauseTx] pause a
// queue until a time. The guide is docs/queues.md in the repository of the SDK.
package growthgeniusriver
