using System.Globalization;
using System.Text.Json;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Runs;

/// <summary>
/// Records the energy that the host's processor packages use while a run is open: <c>energy/TERM.json</c>, one file a term, so that
/// resumes and takeovers add up and no host overwrites another's figure.
/// </summary>
internal sealed class RunEnergy : IDisposable
{
    /// <summary>The smallest counters hold 65 kJ: even a package of 2 kW wraps around less than once in this time.</summary>
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly PackageEnergy _packages;
    private readonly RunFiles _files;
    private readonly long _term;
    private readonly ITimer _timer;
    private double _joules;
    private bool _hasEnded;

    private RunEnergy(PackageEnergy packages, RunFiles files, long term, TimeProvider time)
    {
        (_packages, _files, _term) = (packages, files, term);
        // A run that goes back to a checkpoint opens again in the same term.
        _joules = File.Exists(PathOf(files, term)) ? Read(files, term) : 0;
        Write();
        _timer = time.CreateTimer(_ => Sample(), state: null, s_interval, s_interval);
    }

    /// <summary>Starts to record; null if the energy of this machine cannot be read or recorded.</summary>
    /// <param name="files">The run's files. The term's ledger is open.</param>
    /// <param name="term">Term of the host.</param>
    /// <param name="root">Folder of the counters.</param>
    /// <param name="time">Clock of the readings.</param>
    public static RunEnergy? Start(RunFiles files, long term, string root, TimeProvider time)
    {
        RunEnergy? energy = null;
        Attempt(() => energy = new RunEnergy(new PackageEnergy(root), files, term, time));
        return energy;
    }

    /// <summary>Joules of all terms of a run; null if those of any term are unknown.</summary>
    public static double? Total(RunFiles files)
    {
        double? total = null;
        var isKnown = Attempt(() =>
            total = FileRunLedger.Terms(files.Ledger).Aggregate((double?)null, (sum, term) => (sum ?? 0) + Read(files, term))
        );
        return isKnown ? total : null;
    }

    /// <summary>Takes the last reading.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        Sample();
        lock (_lock)
        {
            _hasEnded = true;
        }
    }

    private static string PathOf(RunFiles files, long term) =>
        Path.Combine(files.Energy, term.ToString("D6", CultureInfo.InvariantCulture) + ".json");

    private static double Read(RunFiles files, long term) =>
        JsonSerializer.Deserialize<Share>(File.ReadAllText(PathOf(files, term)), TelemetryJson.OneLine)!.Joules;

    private void Sample()
    {
        lock (_lock)
        {
            if (!_hasEnded && !Attempt(Advance))
            {
                // A part would pass for the whole, so leave nothing.
                _hasEnded = true;
                Attempt(() => File.Delete(PathOf(_files, _term)));
            }
        }
    }

    private void Advance()
    {
        // A host that was suspended and replaced would count the time of its successor.
        if (!FileRunLedger.IsNewest(_files.Ledger, _term))
        {
            _hasEnded = true;
            return;
        }

        _joules += _packages.Advance();
        Write();
    }

    private void Write() => WholeFile.Write(PathOf(_files, _term), JsonSerializer.Serialize(new Share(_joules), TelemetryJson.OneLine));

    private static bool Attempt(Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return false;
        }
    }

    /// <summary>Energy of a term.</summary>
    private sealed record Share(double Joules);
}
