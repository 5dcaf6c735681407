extension [Sampler.Candidate] {
    /// Sorts by likelihood, the most likely first, ties to the lower id: by a heap within the array, as the library's sort
    /// asks for memory. (Floyd, "Algorithm 245: Treesort 3", CACM 1964.)
    mutating func sortInPlace() {
        for place in (0..<count / 2).reversed() { sink(from: place, within: count) }
        for last in stride(from: count - 1, to: 0, by: -1) {
            swapAt(0, last)
            sink(from: 0, within: last)
        }
    }

    /// Moves an element down until neither of those below it is worse, so that the worst comes to be first.
    private mutating func sink(from start: Int, within count: Int) {
        let element = self[start]
        var place = start
        while true {
            var child = 2 * place + 1
            guard child < count else { break }
            if child + 1 < count, self[child + 1].isWorse(than: self[child]) { child += 1 }
            guard self[child].isWorse(than: element) else { break }
            self[place] = self[child]
            place = child
        }
        self[place] = element
    }
}
