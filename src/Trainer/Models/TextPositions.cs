namespace ClipTrain.Trainer.Models;

/// <summary>The text tower's learned positions for another context.</summary>
public static class TextPositions
{
    public const string Name = "positional_embedding";

    /// <summary>
    /// Writes the positions of another number of tokens. A shorter context has the first rows: it computes the same of every
    /// caption that fits. A longer one is stretched as open_clip does, linearly between neighbours, where row i of n lies at
    /// (i + 1/2) · N/n − 1/2 of the N rows.
    /// </summary>
    /// <param name="from">N rows.</param>
    /// <param name="to">n rows.</param>
    /// <param name="width">Numbers in a row.</param>
    public static void Resize(ReadOnlySpan<float> from, Span<float> to, int width)
    {
        var (rows, newRows) = (from.Length / width, to.Length / width);
        if (newRows <= rows)
        {
            from[..to.Length].CopyTo(to);
            return;
        }

        for (var i = 0; i < newRows; i++)
        {
            var place = Math.Max(0, ((i + 0.5) * rows / newRows) - 0.5);
            var low = (int)place;
            var (part, high) = (place - low, Math.Min(low + 1, rows - 1));
            for (var w = 0; w < width; w++)
                to[(i * width) + w] = (float)(((1 - part) * from[(low * width) + w]) + (part * from[(high * width) + w]));
        }
    }
}
