/// What a rendering may still spend.
///
/// Steps bound time and memory alike: a step is one node evaluated, one element made, or 64 bytes of text made.
final class TemplateBudget {
    let limits: ChatTemplate.Limits
    private var steps: Int

    init(_ limits: ChatTemplate.Limits) {
        self.limits = limits
        steps = limits.steps
    }

    /// Pays for `count` nodes or elements.
    func charge(_ count: Int = 1) throws {
        steps -= min(count, steps + 1)
        guard steps >= 0 else { throw TemplateFault.limit("more than \(limits.steps) steps") }
    }

    /// Refuses a value nested too deeply to be walked by recursion.
    func check(depth: Int) throws {
        guard depth <= limits.depth else { throw TemplateFault.limit("more than \(limits.depth) levels of nesting") }
    }
}
