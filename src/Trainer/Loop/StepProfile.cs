using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models.Cost;
using ClipTrain.Trainer.Objectives;

namespace ClipTrain.Trainer.Loop;

/// <summary>Where the time of a rank's last steps went.</summary>
/// <param name="flopsPerPair">Floating-point operations of a step for each pair.</param>
/// <param name="measureRates">Measures the device; called once, at the first reading; null to leave out what is compared with it.</param>
internal sealed class StepProfile(double flopsPerPair, Func<MachineRates>? measureRates)
{
    /// <summary>Sixteen digits per share would make up much of a metrics line.</summary>
    private const int Digits = 4;

    private TimeSpan _elapsed;
    private long _pairs;
    private MachineRates? _rates;

    /// <summary>Adds a step.</summary>
    /// <param name="elapsed">Wall time of the step.</param>
    /// <param name="pairs">Pairs of this rank.</param>
    public void Add(TimeSpan elapsed, long pairs) => (_elapsed, _pairs) = (_elapsed + elapsed, _pairs + pairs);

    /// <summary>Share of the steps' time by phase, and model FLOPs utilisation, since the last reading; and the device's bf16.</summary>
    /// <param name="timer">Phases of these steps, which it resets; null if they cannot be told apart.</param>
    public (IReadOnlyDictionary<string, double>? Phases, double? Mfu, double? Bf16Speedup) Take(StepTimer? timer)
    {
        var seconds = Math.Max(_elapsed.TotalSeconds, 1e-9);
        var phases = timer is null
            ? null
            : Enum.GetValues<StepPhase>()
                .Where(phase => timer[phase] > TimeSpan.Zero)
                .ToDictionary(
                    phase => OptionSection.SnakeCase(phase.ToString()),
                    phase => Math.Round(timer[phase].TotalSeconds / seconds, Digits),
                    StringComparer.Ordinal
                );
        double? mfu = null;
        if (measureRates is not null)
        {
            _rates ??= measureRates();
            mfu = Math.Round(flopsPerPair * _pairs / seconds / _rates.Value.Peak, Digits);
        }

        timer?.Reset();
        (_elapsed, _pairs) = (TimeSpan.Zero, 0);
        return (phases, mfu, _rates?.Bf16Speedup);
    }
}
