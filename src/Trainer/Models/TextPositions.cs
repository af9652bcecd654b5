namespace ClipTrain.Trainer.Models;

/// <summary>Resizes the text tower's learned positions to another context length.</summary>
public static class TextPositions
{
    public const string Name = "positional_embedding";

    /// <summary>
    /// Resizes a position table to another number of rows. A shorter context takes the first rows, so captions that fit are encoded
    /// as before. A longer one is interpolated linearly, as in open_clip: row i of n is sampled at (i + 1/2) · N/n − 1/2 of the N
    /// rows.
    /// </summary>
    /// <param name="from">The N source rows.</param>
    /// <param name="to">Receives n rows.</param>
    /// <param name="width">Number of elements per row.</param>
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
            {
                to[(i * width) + w] = (float)(((1 - part) * from[(low * width) + w]) + (part * from[(high * width) + w]));
            }
        }
    }
}
