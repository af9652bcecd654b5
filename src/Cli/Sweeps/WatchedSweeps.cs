using ClipTrain.Experiments.Sweeps;
using ClipTrain.Monitoring.Page;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Sweeps on disk for the live page.</summary>
/// <param name="directories">Returns the sweeps' folders; called at each read, since sweeps come and go.</param>
internal sealed class WatchedSweeps(Func<IReadOnlyList<string>> directories) : ISweepSource
{
    private readonly Dictionary<string, WatchedSweep> _sweeps = new(StringComparer.Ordinal);
    private IReadOnlyList<SweepView> _last = [];

    /// <summary>Folders of all sweeps in the usual place, sorted by name.</summary>
    public static IReadOnlyList<string> All() =>
        !Directory.Exists(SweepFolder.Usual)
            ? []
            : [.. Directory.GetDirectories(SweepFolder.Usual).Where(IsSweep).Order(StringComparer.Ordinal)];

    /// <summary>The folder of a sweep, given it or the sweep's name; null if there is no such sweep.</summary>
    public static string? Find(string folderOrName) =>
        new[] { folderOrName, Path.Combine(SweepFolder.Usual, folderOrName) }.FirstOrDefault(IsSweep);

    public IReadOnlyList<SweepView> Read()
    {
        List<SweepView> views = [];
        foreach (var directory in directories())
        {
            if (!_sweeps.TryGetValue(directory, out var sweep))
            {
                _sweeps.Add(directory, sweep = new WatchedSweep(directory));
            }

            views.Add(sweep.View());
        }

        return views.SequenceEqual(_last, ReferenceEqualityComparer.Instance) ? _last : _last = views;
    }

    private static bool IsSweep(string directory) => File.Exists(new SweepFolder(directory).Source);
}
