using System.Buffers;

namespace ClipTrain.DataPipeline.Text.Normalization;

/// <summary>The tables that lie beside this code as text, written by make_tables.py.</summary>
internal static class Table
{
    public static readonly SearchValues<char> AsciiLettersAndDigits = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    );

    /// <summary>The lines of a table, cut at their tab.</summary>
    public static IEnumerable<string[]> Read(string name)
    {
        using var reader = new StreamReader(typeof(Table).Assembly.GetManifestResourceStream(name)!);
        while (reader.ReadLine() is { } line)
            yield return line.Split('\t');
    }
}
