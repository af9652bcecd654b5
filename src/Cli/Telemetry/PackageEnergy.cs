using System.Globalization;

namespace ClipTrain.Cli.Telemetry;

/// <summary>
/// The energy that this machine's processor packages use, from the counters of Linux powercap (RAPL). Their parts and the whole
/// platform, which have counters beside them, are not added.
/// </summary>
internal sealed class PackageEnergy
{
    /// <summary>Folder of the counters, which only root may read on many systems.</summary>
    public const string Root = "/sys/class/powercap";

    private readonly List<Counter> _packages;

    /// <param name="root">Folder of the counters, usually <see cref="Root"/>.</param>
    /// <exception cref="IOException">There are no counters, or they cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not read the counters.</exception>
    public PackageEnergy(string root)
    {
        _packages =
        [
            .. Directory
                .EnumerateDirectories(root, "intel-rapl:*")
                .Where(zone => File.ReadAllText(Path.Combine(zone, "name")).StartsWith("package", StringComparison.Ordinal))
                .Select(zone => new Counter(zone)),
        ];
        if (_packages.Count == 0)
        {
            throw new IOException($"{root} has no counter of a processor package.");
        }
    }

    public int Packages => _packages.Count;

    /// <summary>
    /// Joules used since the previous call, or since the counters were opened. Wrong if a counter has wrapped around more than once
    /// meanwhile.
    /// </summary>
    /// <exception cref="IOException">A counter cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may no longer read the counters.</exception>
    public double Advance() => _packages.Sum(package => package.Advance()) / 1e6;

    /// <summary>A counter of microjoules, which starts again at 0 beyond its range.</summary>
    private sealed class Counter
    {
        private readonly string _file;
        private readonly long _range;
        private long _last;

        public Counter(string zone)
        {
            _file = Path.Combine(zone, "energy_uj");
            _range = Read(Path.Combine(zone, "max_energy_range_uj"));
            _last = Read(_file);
        }

        public long Advance()
        {
            var now = Read(_file);
            var used = now < _last ? now + _range - _last : now - _last;
            _last = now;
            return used;
        }

        private static long Read(string path) =>
            long.TryParse(File.ReadAllText(path), CultureInfo.InvariantCulture, out var value)
                ? value
                : throw new IOException($"{path} is not a number.");
    }
}
