using System.Buffers.Binary;
using Google.Protobuf;

namespace ClipTrain.Cli.Telemetry;

/// <summary>
/// Encoder of the TensorBoard event messages needed for scalars (tensorflow/core/util/event.proto, summary.proto) and
/// of their TFRecord frames.
/// </summary>
internal static class TensorBoardEvents
{
    private const int SessionStart = 1;

    /// <summary>First event of a file.</summary>
    public static byte[] FileVersion(double wallTime) =>
        Event(
            wallTime,
            step: 0,
            output =>
            {
                output.WriteTag(3, WireFormat.WireType.LengthDelimited);
                output.WriteString("brain.Event:2");
            }
        );

    /// <summary>Event that makes readers discard <paramref name="step"/> and later steps of earlier files.</summary>
    public static byte[] SessionStarts(double wallTime, long step) =>
        Event(
            wallTime,
            step,
            output =>
                WriteMessage(
                    output,
                    field: 7,
                    session =>
                    {
                        session.WriteTag(1, WireFormat.WireType.Varint);
                        session.WriteEnum(SessionStart);
                    }
                )
        );

    public static byte[] Scalars(double wallTime, long step, IEnumerable<(string Tag, double Value)> scalars) =>
        Event(
            wallTime,
            step,
            output =>
                WriteMessage(
                    output,
                    field: 5,
                    summary =>
                    {
                        foreach (var (tag, value) in scalars)
                        {
                            WriteMessage(
                                summary,
                                field: 1,
                                item =>
                                {
                                    item.WriteTag(1, WireFormat.WireType.LengthDelimited);
                                    item.WriteString(tag);
                                    item.WriteTag(2, WireFormat.WireType.Fixed32);
                                    item.WriteFloat((float)value);
                                }
                            );
                        }
                    }
                )
        );

    /// <summary>A TFRecord: u64 length, masked CRC of the length, data, masked CRC of the data, all little-endian.</summary>
    public static byte[] Frame(ReadOnlySpan<byte> data)
    {
        var frame = new byte[sizeof(ulong) + sizeof(uint) + data.Length + sizeof(uint)];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(sizeof(ulong)), Crc32C.Masked(frame.AsSpan(0, sizeof(ulong))));
        data.CopyTo(frame.AsSpan(sizeof(ulong) + sizeof(uint)));
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(frame.Length - sizeof(uint)), Crc32C.Masked(data));
        return frame;
    }

    private static byte[] Event(double wallTime, long step, Action<CodedOutputStream> what) =>
        Message(output =>
        {
            output.WriteTag(1, WireFormat.WireType.Fixed64);
            output.WriteDouble(wallTime);
            output.WriteTag(2, WireFormat.WireType.Varint);
            output.WriteInt64(step);
            what(output);
        });

    private static void WriteMessage(CodedOutputStream output, int field, Action<CodedOutputStream> body)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(Message(body)));
    }

    private static byte[] Message(Action<CodedOutputStream> body)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
        {
            body(output);
        }

        return bytes.ToArray();
    }
}
