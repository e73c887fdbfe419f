"""Headings exports use, by role, in English and Chinese, best first."""

import re
import unicodedata

_NAMES = {
    "id": """
        id tweet_id post_id message_id review_id mention_id comment_id status_id native_id id_str
        resource_id uuid guid 评论id 評論id 帖子id 微博id 笔记id 消息id 编号 編號
    """,
    "author_id": """
        author_id user_id sender_id from_id customer_id contact_id 作者id 用户id 用戶id 评论人id
    """,
    "author": """
        author account_acct author_username author_handle handle username user_name screen_name
        user_screen_name user from from_user twitter_author account profile_name nickname reviewer_nickname
        reviewer sender sender_name name customer by posted_by 作者 用户 用戶 用户名 用戶名 用户名称
        用户昵称 用戶暱稱 昵称 暱稱 评论人 评论者 評論者 发布者 發佈者 发帖人 發帖人 博主 账号 帳號 網友
    """,
    "author_name": """
        full_name author_name display_name user_name sender_full_name 全名 姓名
    """,
    "followers": """
        followers follower_count followers_count twitter_followers user_followers_count author_followers
        粉丝数 粉絲數 粉丝
    """,
    "text": """
        text full_text content message message_text body review_text review comment comments post post_text
        tweet tweet_text tweet_content snippet mention mention_content review_body review_content feedback
        description caption note 内容 內容 评论内容 評論內容 评论 評論 正文 文本 微博正文 微博内容 帖子内容
        貼文內容 貼文 留言内容 留言內容 留言 评价内容 評價內容 评价 評價 消息内容 反馈内容 反馈 意見
        笔记内容
    """,
    "title": """
        title review_title subject headline heading 标题 標題 主题 主題 评论标题 評論標題
    """,
    "time": """
        created_at posted_at published_at timestamp date datetime time created created_time published
        published_date post_date date_posted created_date creation_date submitted_at submission_date
        review_date date_and_time sent_at tweet_created created_utc comment_time review_submit_date_and_time
        review_created_date message_date date_created posted 时间 時間 评论时间 評論時間 发布时间 發佈時間
        发布日期 發佈日期 发表时间 發表時間 创建时间 建立時間 日期 评价时间 評價時間 留言时间 留言時間
        评论日期 評論日期 提交时间
    """,
    "edited": """
        edited_at updated_at last_updated modified_at date_modified 编辑时间 更新时间 更新時間
    """,
    "rating": """
        rating stars star_rating star review_rating ratings 评分 評分 星级 星級 打分 评星
    """,
    "url": """
        url link permalink post_url message_uri post_permalink review_link mention_url tweet_url href
        source_url post_link 链接 鏈接 連結 网址 網址 原文链接 微博链接 地址
    """,
    "lang": """
        lang language language_code locale reviewer_language 语言 語言 语种
    """,
    "parent": """
        in_reply_to in_reply_to_id parent_id reply_to in_reply_to_status_id in_response_to_tweet_id
        in_reply_to_tweet_id replying_to twitter_reply_to parent 父评论id 回复对象id 上级id
    """,
    "thread": """
        conversation_id thread_id thread root_id ticket_id case_id 会话id 會話id 对话id 主题id
    """,
    "quoted": """
        quoted_status_id quoted_id quoted_tweet_id
    """,
    "reply": """
        reply_text reply_body reply_content reply_message reply developer_reply developer_reply_text
        developer_response response response_text owner_response business_response company_response
        our_reply our_response answer 回复 回覆 回复内容 回覆內容 商家回复 商家回覆 官方回复 官方回覆
        开发者回复 開發者回覆 客服回复 客服回覆
    """,
    "reply_id": """
        reply_id response_id
    """,
    "reply_time": """
        reply_created_at reply_timestamp reply_time reply_date replied_at developer_reply_date_and_time
        developer_response_date response_date response_time owner_response_date 回复时间 回覆時間
        商家回复时间 回复日期
    """,
    "brand": """
        brand brand_name airline 品牌 品牌名
    """,
    "network": """
        network platform channel social_network source_type site media_type page_type 平台 渠道 来源平台
        來源 来源
    """,
    "ours": """
        inbound direction message_type is_ours is_brand sender_type 方向
    """,
    "deleted": """
        deleted is_deleted removed 是否删除 已删除
    """,
}
HEADINGS: dict[str, tuple[str, ...]] = {role: tuple(names.split()) for role, names in _NAMES.items()}
"""Folded headings by role. Within a role, the order is the order of preference where a file has several."""

_MARKS = re.compile(r"[\s_\-/:.]+")
_BRACKETS = re.compile(r"[(（\[].*?[)）\]]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def fold(heading: str) -> str:
    """A heading without case, marks, brackets and camel case: `createdAt` and `Created at (UTC)` meet."""
    plain = unicodedata.normalize("NFKC", _CAMEL.sub("_", heading))
    return _MARKS.sub("_", _BRACKETS.sub("", plain).strip()).strip("_").casefold()


def zone_in(heading: str) -> str | None:
    """The zone a heading names, as in `Timestamp (ET)` or `时间（北京时间）`."""
    found = _BRACKETS.search(unicodedata.normalize("NFKC", heading))
    return _ZONES.get(found[0].strip("()[] ").casefold()) if found else None


_ZONES = {
    "utc": "UTC", "gmt": "UTC", "et": "America/New_York", "est": "America/New_York", "pt": "America/Los_Angeles",
    "ct": "America/Chicago", "mt": "America/Denver", "北京时间": "Asia/Shanghai", "香港時間": "Asia/Hong_Kong",
    "台北時間": "Asia/Taipei", "cet": "Europe/Paris", "jst": "Asia/Tokyo", "hkt": "Asia/Hong_Kong",
}  # fmt: skip
