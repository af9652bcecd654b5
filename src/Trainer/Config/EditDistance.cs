namespace ClipTrain.Trainer.Config;

/// <summary>Number of typing errors between two words.</summary>
internal static class EditDistance
{
    /// <summary>
    /// Optimal string alignment distance: insertions, deletions, substitutions and swaps of adjacent characters, each counted once.
    /// </summary>
    public static int Between(string a, string b)
    {
        var beforeLast = new int[b.Length + 1];
        var last = new int[b.Length + 1];
        var current = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++)
        {
            last[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                current[j] = Math.Min(substitution, Math.Min(last[j], current[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    current[j] = Math.Min(current[j], beforeLast[j - 2] + 1);
                }
            }

            (beforeLast, last, current) = (last, current, beforeLast);
        }

        return last[b.Length];
    }

    /// <summary>The candidate nearest to <paramref name="word"/>, or null if none is close enough.</summary>
    public static string? Nearest(string word, IEnumerable<string> candidates)
    {
        // One typing error per three letters is plausible; more is a different word.
        var nearest = candidates
            .Select(candidate => (Candidate: candidate, Distance: Between(word, candidate)))
            .Where(c => c.Distance <= Math.Max(1, Math.Max(word.Length, c.Candidate.Length) / 3))
            .OrderBy(c => c.Distance)
            .FirstOrDefault();
        return nearest.Candidate;
    }
}
