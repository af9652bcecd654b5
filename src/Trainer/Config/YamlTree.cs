using ClipTrain.DataPipeline.Corpus;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ClipTrain.Trainer.Config;

/// <summary>Reads YAML text into <see cref="ConfigNode"/>s.</summary>
internal static class YamlTree
{
    private const int MaxDepth = 32,
        MaxKeys = 1000;

    private const long MaxBytes = 4 << 20;

    /// <summary>Reads the single document of a file, which must be a mapping.</summary>
    /// <exception cref="ConfigException">The file cannot be read or is not a YAML mapping.</exception>
    public static MappingNode ReadFile(string path)
    {
        string text;
        try
        {
            RegularFile.Require(path);
            text = new FileInfo(path) is { Exists: true, Length: > MaxBytes } large
                ? throw new ConfigException(
                    new SourcePosition(path),
                    $"has {large.Length} bytes; a run file has {MaxBytes >> 20} MiB at most"
                )
                : File.ReadAllText(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ConfigException(new SourcePosition(path), "there is no such file");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException(new SourcePosition(path), $"cannot be read: {e.Message}");
        }

        return ReadText(path, text);
    }

    /// <summary>Reads the single document of a text, which must be a mapping.</summary>
    /// <param name="name">Name of the text in error messages.</param>
    /// <exception cref="ConfigException">The text is not a YAML mapping.</exception>
    public static MappingNode ReadText(string name, string text)
    {
        var root = Read(text, mark => new SourcePosition(name, mark.Line, mark.Column));
        return root switch
        {
            MappingNode mapping => mapping,
            ScalarNode { IsNull: true } => throw new ConfigException(new SourcePosition(name), "the file is empty"),
            _ => throw new ConfigException(root.Position, "the file must hold keys and values, as in 'name: my-run'"),
        };
    }

    /// <summary>The value of a <c>--set</c> argument: a YAML scalar, list or mapping on one line.</summary>
    /// <exception cref="ConfigException">The text is not valid YAML.</exception>
    public static ConfigNode ReadValue(string text, SourcePosition position) => Read(text, _ => position);

    private static ConfigNode Read(string text, Func<Mark, SourcePosition> locate)
    {
        var parser = new Parser(new StringReader(text));
        try
        {
            parser.Consume<StreamStart>();
            if (!parser.TryConsume<DocumentStart>(out var start))
            {
                return new ScalarNode("", quoted: false, locate(parser.Current!.Start));
            }

            var root = ReadNode(parser, locate, depth: 0);
            parser.Consume<DocumentEnd>();
            if (parser.TryConsume<DocumentStart>(out start))
            {
                throw new ConfigException(locate(start.Start), "only one YAML document is allowed");
            }

            return root;
        }
        catch (YamlException e)
        {
            throw new ConfigException(locate(TabIndent(text, e) ?? e.End), $"this is not YAML: {e.Message}");
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // The scanner fails on some malformed text, such as an unclosed flow list, with exceptions of other types.
            throw new ConfigException(locate(parser.Current?.End ?? Mark.Empty), "this is not YAML: a value does not end");
        }
    }

    /// <summary>
    /// Position of the first tab used as indentation, if that is the error: the scanner reports the mapping's first line instead.
    /// </summary>
    private static Mark? TabIndent(string text, YamlException error)
    {
        if (!error.Message.Contains("tab", StringComparison.Ordinal))
        {
            return null;
        }

        var lines = text.Split('\n');
        var line = Array.FindIndex(lines, l => l[..^l.TrimStart().Length].Contains('\t', StringComparison.Ordinal));
        return line < 0 ? null : new Mark(0, line + 1, lines[line].IndexOf('\t', StringComparison.Ordinal) + 1);
    }

    private static ConfigNode ReadNode(Parser parser, Func<Mark, SourcePosition> locate, int depth)
    {
        var position = locate(parser.Current!.Start);
        if (depth > MaxDepth)
        {
            throw new ConfigException(position, $"nested more than {MaxDepth} deep");
        }

        if (parser.TryConsume<AnchorAlias>(out _))
        {
            throw new ConfigException(position, "YAML aliases are not supported; write the value again");
        }

        if (parser.Current is NodeEvent { Tag: { IsEmpty: false, IsNonSpecific: false } tag })
        {
            throw new ConfigException(position, $"YAML tags are not supported; remove '{tag.Value}'");
        }

        if (parser.TryConsume<Scalar>(out var scalar))
        {
            return new ScalarNode(scalar.Value, scalar.Style != ScalarStyle.Plain, position);
        }

        if (parser.TryConsume<SequenceStart>(out _))
        {
            var sequence = new SequenceNode(position);
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                sequence.Items.Add(ReadNode(parser, locate, depth + 1));
            }

            return sequence;
        }

        parser.Consume<MappingStart>();
        var mapping = new MappingNode(position);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            if (mapping.Entries.Count == MaxKeys)
            {
                throw new ConfigException(position, $"has more than {MaxKeys} keys");
            }

            var key =
                ReadNode(parser, locate, depth + 1) as ScalarNode ?? throw new ConfigException(position, "a key must be a plain word");
            mapping.Entries.Add(new ConfigEntry(key.Value, key.Position, ReadNode(parser, locate, depth + 1)));
        }

        return mapping;
    }
}
