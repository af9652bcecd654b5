using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>Writes a YAML value on one line, as for a --set argument.</summary>
internal static class FlowYaml
{
    public static string Write(YamlNode node) =>
        node switch
        {
            YamlSequenceNode list => $"[{string.Join(", ", list.Select(Write))}]",
            YamlMappingNode map => $"{{{string.Join(", ", map.Children.Select(pair => $"{Write(pair.Key)}: {Write(pair.Value)}"))}}}",
            YamlScalarNode { Style: ScalarStyle.Plain, Value: var plain }
                when !plain!.AsSpan().ContainsAny("[]{},#&*!|>'\"%@`") && !plain!.Contains(": ", StringComparison.Ordinal) => plain,
            YamlScalarNode { Value: var text } => $"\"{Escape(text!)}\"",
            _ => throw new ArgumentException($"A {node.NodeType} is not a value.", nameof(node)),
        };

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal);
}
