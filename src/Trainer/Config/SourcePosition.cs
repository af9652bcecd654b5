namespace ClipTrain.Trainer.Config;

/// <summary>
/// Where a value was written: a place in a file, or a whole <c>--set</c> argument (line 0). Lines and columns count from 1.
/// </summary>
internal readonly record struct SourcePosition(string Source, long Line = 0, long Column = 0)
{
    public override string ToString() => Line == 0 ? Source : $"{Source}:{Line}:{Column}";
}
