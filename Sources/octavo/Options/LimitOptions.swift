import ArgumentParser
import OctavoCore

/// What requests may ask for.
struct LimitOptions: ParsableArguments {
    @Option(
        help:
            "The most alternatives at a position that logprobs, top_logprobs and prompt_logprobs may ask for (OCTAVO_MAX_LOGPROBS; default: \(RequestBody.usualMaximumLogprobs))."
    )
    var maxLogprobs: Int?

    func validate() throws {
        guard try maximumLogprobs() >= 0 else { throw ValidationError("--max-logprobs must be at least 0") }
    }

    func maximumLogprobs() throws -> Int {
        try maxLogprobs ?? Environment.value("OCTAVO_MAX_LOGPROBS") ?? RequestBody.usualMaximumLogprobs
    }
}
