namespace ClipTrain.Cli.Telemetry;

/// <summary>
/// Smoothed speed: an average over steps whose weights fall by a constant factor with age. Steps and images are summed
/// apart from seconds, so that the rate of uneven steps is what a clock would say.
/// </summary>
/// <param name="smoothing">Weight of a step as a share of the next one's, from 0 (only the last counts) to 1 (all count alike).</param>
internal sealed class StepRate(double smoothing = 0.95)
{
    private double _steps;
    private double _seconds;
    private double _images;

    /// <summary>0 before the first step.</summary>
    public double SecondsPerStep => _steps > 0 ? _seconds / _steps : 0;

    /// <summary>0 before the first step.</summary>
    public double ImagesPerSecond => _seconds > 0 ? _images / _seconds : 0;

    public void Add(double seconds, double images)
    {
        _steps = (_steps * smoothing) + 1;
        _seconds = (_seconds * smoothing) + seconds;
        _images = (_images * smoothing) + images;
    }

    /// <summary>How long <paramref name="steps"/> more steps take; unknown before the first step.</summary>
    public TimeSpan? Remaining(long steps)
    {
        if (_steps == 0)
            return null;
        var seconds = steps * SecondsPerStep;
        return seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue;
    }
}
