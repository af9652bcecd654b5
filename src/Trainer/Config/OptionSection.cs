using System.Collections.Concurrent;
using System.ComponentModel;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Config;

/// <summary>Kinds of values in YAML.</summary>
internal enum OptionKind
{
    Text,
    Flag,
    Integer,
    Number,
    Choice,
    TextList,
    NumberList,
    IntegerList,
    Section,
    SectionList,
}

/// <summary>One key of a section, derived from a property of an option record.</summary>
/// <param name="ValueType">The property's type without nullability; the type of an item for a list.</param>
/// <param name="Default">The value if the key is not given; meaningless for a required key.</param>
internal sealed record OptionKey(
    PropertyInfo Property,
    string Name,
    OptionKind Kind,
    Type ValueType,
    bool Required,
    bool Nullable,
    string Description,
    double? Minimum,
    double? Maximum,
    object? Default
)
{
    /// <summary>True if a list may be written as its only item.</summary>
    public bool OneOrMore => Property.IsDefined(typeof(OneOrMoreAttribute));

    public bool IsSection => Kind is OptionKind.Section or OptionKind.SectionList;

    /// <summary>Spellings of a choice's values.</summary>
    public IReadOnlyList<string> Choices => [.. Enum.GetNames(ValueType).Select(OptionSection.SnakeCase)];
}

/// <summary>
/// An option record as a set of YAML keys. The binder, the writer, the schema and the reference documentation all use this
/// description.
/// </summary>
internal sealed class OptionSection
{
    private static readonly ConcurrentDictionary<Type, OptionSection> s_sections = new();

    private OptionSection(Type type)
    {
        Type = type;
        Description = type.GetCustomAttribute<DescriptionAttribute>()?.Description ?? "";
        var defaults = Activator.CreateInstance(type)!;
        var nullability = new NullabilityInfoContext();
        Keys = [.. type.GetProperties().OrderBy(p => p.MetadataToken).Select(p => Describe(p, defaults, nullability))];
    }

    public Type Type { get; }

    public string Description { get; }

    public IReadOnlyList<OptionKey> Keys { get; }

    public static OptionSection Of(Type type) => s_sections.GetOrAdd(type, t => new OptionSection(t));

    public static string SnakeCase(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    public OptionKey? Find(string name) => Keys.FirstOrDefault(key => string.Equals(key.Name, name, StringComparison.Ordinal));

    private static OptionKey Describe(PropertyInfo property, object defaults, NullabilityInfoContext nullability)
    {
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        var isList = type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>);
        var valueType = isList ? type.GetGenericArguments()[0] : type;
        var kind = (valueType, isList) switch
        {
            _ when valueType == typeof(string) => isList ? OptionKind.TextList : OptionKind.Text,
            _ when valueType == typeof(double) => isList ? OptionKind.NumberList : OptionKind.Number,
            _ when isList && valueType == typeof(int) => OptionKind.IntegerList,
            (_, true) => OptionKind.SectionList,
            _ when valueType == typeof(bool) => OptionKind.Flag,
            _ when valueType == typeof(int) || valueType == typeof(long) || valueType == typeof(ulong) => OptionKind.Integer,
            _ when valueType.IsEnum => OptionKind.Choice,
            _ => OptionKind.Section,
        };
        return new OptionKey(
            property,
            SnakeCase(property.Name),
            kind,
            valueType,
            property.IsDefined(typeof(RequiredMemberAttribute)),
            nullability.Create(property).WriteState == NullabilityState.Nullable,
            property.GetCustomAttribute<DescriptionAttribute>()?.Description ?? "",
            property.GetCustomAttribute<MinimumAttribute>()?.Value ?? (valueType == typeof(ulong) ? 0 : null),
            property.GetCustomAttribute<MaximumAttribute>()?.Value,
            property.GetValue(defaults)
        );
    }
}
