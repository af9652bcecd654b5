namespace ClipTrain.DataPipeline.Import;

/// <summary>Says which share of all inputs a position in one of them is.</summary>
internal sealed class InputMeter
{
    private readonly long[] _before;
    private readonly long _total;

    public InputMeter(IReadOnlyList<ImportInput> inputs)
    {
        _before = new long[inputs.Count];
        for (var i = 0; i < inputs.Count; i++)
        {
            _before[i] = _total;
            _total += inputs[i].Size;
        }
    }

    /// <summary>From 0 to 1.</summary>
    public double Share(int input, long position) => _total == 0 ? 1 : Math.Min(1, (double)(_before[input] + position) / _total);
}
