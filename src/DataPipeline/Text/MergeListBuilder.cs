namespace ClipTrain.DataPipeline.Text;

/// <summary>Merges one after the other, each checked: its symbols must exist, its result must not.</summary>
/// <param name="name">The file that they come from, for messages.</param>
internal sealed class MergeListBuilder(string name)
{
    private readonly List<Merge> _merges = [];
    private readonly HashSet<string> _known = new(ByteAlphabet.Symbols, StringComparer.Ordinal);

    /// <param name="place">Where the merge stands in the file.</param>
    /// <param name="parts">The two symbols.</param>
    /// <exception cref="InvalidDataException">It is no merge; the message names file and place.</exception>
    public void Add(string place, string[] parts)
    {
        var text = string.Join(' ', parts);
        if (parts is not [{ Length: > 0 } left, { Length: > 0 } right])
            throw Bad(place, $"\"{Shorten(text)}\" is not two symbols with a blank between them");
        if (parts.FirstOrDefault(symbol => !_known.Contains(symbol)) is { } unknown)
            throw Bad(place, $"\"{Shorten(unknown)}\" is neither a byte nor made by an earlier merge");
        if (left.EndsWith(ByteAlphabet.EndOfWord, StringComparison.Ordinal) || !_known.Add(left + right))
            throw Bad(place, $"\"{Shorten(text)}\" cannot be merged: the result exists already or goes on after the end of a word");
        _merges.Add(new Merge(left, right));
    }

    public MergeList Build() => MergeList.Of(_merges);

    private InvalidDataException Bad(string place, string reason) => new($"{name}, {place}: {reason}");

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "…";
}
