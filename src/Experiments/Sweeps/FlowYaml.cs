using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ClipTrain.Experiments.Sweeps;

/// <summary>A YAML value on one line, as a --set argument takes it.</summary>
internal static class FlowYaml
{
    public static string Write(YamlNode node) =>
        node switch
        {
            YamlSequenceNode list => $"[{string.Join(", ", list.Select(Write))}]",
            YamlMappingNode map => $"{{{string.Join(", ", map.Children.Select(pair => $"{Write(pair.Key)}: {Write(pair.Value)}"))}}}",
            YamlScalarNode { Style: ScalarStyle.Plain, Value: var plain }
                when !plain!.AsSpan().ContainsAny("[]{},#&*!|>'\"%@`") && !plain!.Contains(": ", StringComparison.Ordinal) => plain,
            YamlScalarNode { Value: var text } =>
                $"\"{text!.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}\"",
            _ => throw new ArgumentException($"A {node.NodeType} is no value.", nameof(node)),
        };
}
