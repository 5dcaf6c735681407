package import OctavoWeights

extension ComputeThreads {
    /// Calls `body` for every index below `count`, on as many threads as there are.
    package var parallel: Parallel {
        { [self] count, body in
            run { thread in
                for item in stride(from: thread, to: count, by: self.count) { body(item) }
            }
        }
    }
}
