namespace ClipTrain.Architecture.Tests;

/// <summary>A graph of references, each with the files that contain it.</summary>
internal sealed class DependencyGraph
{
    private readonly SortedDictionary<string, SortedDictionary<string, SortedSet<string>>> _edges = new(StringComparer.Ordinal);

    /// <summary>Adds a reference.</summary>
    /// <param name="from">The referring folder or project.</param>
    /// <param name="to">The folder or project that it refers to.</param>
    /// <param name="file">The file that contains the reference.</param>
    public void Add(string from, string to, string file)
    {
        if (!_edges.TryGetValue(from, out var targets))
        {
            _edges.Add(from, targets = new(StringComparer.Ordinal));
        }

        if (!targets.TryGetValue(to, out var files))
        {
            targets.Add(to, files = new(StringComparer.Ordinal));
        }

        files.Add(file);
    }

    /// <summary>The cycles with their references and files; null if there are none.</summary>
    public string? DescribeCycles()
    {
        var reached = _edges.Keys.ToDictionary(node => node, Reach, StringComparer.Ordinal);
        var cycles = _edges
            .Keys.Where(node => reached[node].Contains(node))
            .GroupBy(node => reached[node].First(other => reached.TryGetValue(other, out var back) && back.Contains(node)))
            .Select(cycle => Describe([.. cycle]));
        var text = string.Join('\n', cycles);
        return text.Length == 0 ? null : text;
    }

    private SortedSet<string> Reach(string start)
    {
        var reached = new SortedSet<string>(StringComparer.Ordinal);
        var pending = new Stack<string>([start]);
        while (pending.TryPop(out var node))
        {
            foreach (var next in _edges.TryGetValue(node, out var targets) ? targets.Keys.Where(reached.Add) : [])
            {
                pending.Push(next);
            }
        }

        return reached;
    }

    private string Describe(IReadOnlyList<string> cycle)
    {
        var edges =
            from node in cycle
            from target in _edges[node]
            where cycle.Contains(target.Key, StringComparer.Ordinal)
            select $"\n  {node} → {target.Key} in {string.Join(", ", target.Value)}";
        return $"Cycle of {string.Join(", ", cycle)}:{string.Concat(edges)}";
    }
}
